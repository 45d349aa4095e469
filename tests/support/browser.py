"""Debian's chromium, and what people do in it first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.stack import Stack

ARGUMENTS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def new_context(browser: Browser) -> Iterator[BrowserContext]:
    """Return what a browser knows of one person: nothing yet."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    context.set_default_timeout(30_000)
    try:
        yield context
    finally:
        context.close()


def sign_in(page: Page, stack: Stack, role: str = "student") -> None:
    """Make a person, and sign them in at the portal."""
    person = stack.person(role)
    page.goto(stack.portal_url)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_label("User name").fill(person.name)
    page.get_by_label("Password").fill(person.password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="What would you like to find out?")).to_be_visible()
