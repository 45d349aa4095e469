"""Signing a program in with a real browser, which heeds what the pages say of themselves."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from oauth_walk import PASSWORD
from openbeam import Client
from playwright.sync_api import Page, expect, sync_playwright
from support import nursery
from support.browser import ARGUMENTS

pytestmark = pytest.mark.browser


@pytest.fixture
def page() -> Iterator[Page]:
    """A narrow, dark page; whatever it complains of fails the test."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("CHROMIUM IS NOT HERE: browser tests are skipped; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            page = browser.new_page(viewport={"width": 360, "height": 740}, color_scheme="dark")
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            yield page
            assert complaints == []
        finally:
            browser.close()


def _sign_in(page: Page, person: str) -> None:
    page.get_by_label("User name").fill(person)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


def _fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_openbeam_login_through_the_browser(account: dict[str, str], page: Page, person: str, tmp_path: Path) -> None:
    with closing(nursery.start("openbeam", "login", env=account, folder=tmp_path)) as login:
        opened, deadline = tmp_path / "opened", time.monotonic() + 60
        while not opened.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        page.goto(opened.read_text())
        _sign_in(page, person)
        expect(page.get_by_role("heading", name="Let this program act for you?")).to_be_visible()
        assert _fits(page)
        page.get_by_role("button", name="Allow").click()
        expect(page.get_by_text("Signed in. You may close this page")).to_be_visible()
        assert login.communicate(timeout=60)[0].startswith(f"{person}\t")
    with Client() as client:
        assert client.whoami().name == person


def test_a_code_is_allowed_on_a_phone(service: Any, page: Page, person: str) -> None:
    fields = {"client_id": "openbeam", "scope": "openid catalog:read"}
    begun = service.anyone.post("/oauth/device_authorization", data=fields).json()
    page.goto(begun["verification_uri_complete"])
    _sign_in(page, person)
    expect(page.get_by_label("Code that the program shows")).to_have_value(begun["user_code"])
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(begun["user_code"])).to_be_visible()
    assert _fits(page)
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    asked = {"client_id": "openbeam", "grant_type": "urn:ietf:params:oauth:grant-type:device_code", **begun}
    assert service.anyone.post("/oauth/token", data=asked).status_code == 200
