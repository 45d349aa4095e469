"""A pupil's first lesson in a real browser: in with code and nickname, a run, away, and back with the key."""

from __future__ import annotations

import secrets

import pytest
from playwright.sync_api import Page, expect
from support.stack import Stack

pytestmark = pytest.mark.browser
HOME = "What would you like to find out?"


def to_the_class_form(page: Page, stack: Stack) -> None:
    page.goto(stack.portal_url)
    page.get_by_role("button", name="Sign in").first.click()
    page.get_by_role("link", name="Class code").click()


def test_a_pupil_s_first_lesson(stack: Stack, page: Page) -> None:
    with stack.client(stack.person("teacher").token) as teacher:
        code = teacher.make_class(f"class-{secrets.token_hex(3)}", title="Physics 9b").code
    assert code
    to_the_class_form(page, stack)
    page.get_by_label("Class code").fill(code.lower())
    page.get_by_label("Nickname").fill("Zoé")
    page.get_by_role("button", name="Join").click()
    key = page.locator("#key").inner_text()
    page.get_by_role("link", name="I have written it down").click()
    expect(page.get_by_role("heading", name=HOME)).to_be_visible()

    page.get_by_role("link", name="Z to two muons").click()
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_test_id("live-histogram")).to_have_attribute("data-events", "2304")
    expect(page.get_by_test_id("account")).to_contain_text("2,304 of 2,304 events")
    expect(page.get_by_text("Zoé").first).to_be_attached()
    run = page.url

    page.context.clear_cookies()
    to_the_class_form(page, stack)
    page.get_by_text("I have been here before").click()
    page.get_by_label("Return key").fill(key)
    page.get_by_role("button", name="Come back").click()
    expect(page.get_by_role("heading", name=HOME)).to_be_visible()
    page.goto(run)
    expect(page.get_by_test_id("account")).to_contain_text("2,304 of 2,304 events")
