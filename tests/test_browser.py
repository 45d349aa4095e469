"""A student's first lesson in a real browser: sign in, catalog, slider, run, live histogram, account, PNG."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright
from support.stack import Stack

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

pytestmark = pytest.mark.browser


@pytest.fixture
def page(chromium: str) -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 1280, "height": 1000})
            page.set_default_timeout(30_000)
            yield page
        finally:
            browser.close()


def sign_in(page: Page, stack: Stack, name: str, password: str) -> None:
    page.goto(stack.portal_url)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Catalog")).to_be_visible()


def test_a_student_s_first_lesson(stack: Stack, page: Page, tmp_path: Path) -> None:
    student = stack.person("student")
    sign_in(page, stack, student.name, student.password)
    page.get_by_text("Z", exact=False).first.wait_for()
    page.get_by_role("link", name=re.compile("Z boson|z_mumu|muon pairs", re.IGNORECASE)).first.click()

    slider = page.get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    page.get_by_role("button", name="Run").click()
    figure = page.get_by_test_id("live-histogram")
    expect(figure).to_be_visible()
    expect(figure).to_have_attribute("data-events", "2304")
    expect(page.get_by_test_id("account")).to_contain_text("2,304 of 2,304 events")

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download PNG").click()
    picture = tmp_path / "figure.png"
    waiting.value.save_as(picture)
    assert picture.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert picture.stat().st_size > 20_000
