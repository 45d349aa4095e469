"""The portal in a browser: a figure fills from events, and can be read, kept and shared."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openbeam_portal.words import en as words
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value
from support.browser import ARGUMENTS

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="Debian's chromium is not installed: apt-get install chromium"),
]
COOKIE_SECRET = "c" * 48
TEN_SECONDS = 10_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Give a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def context(chromium: Browser, portal: Any) -> Iterator[BrowserContext]:
    """Give a browser in which a student is signed in; whatever goes wrong in it fails the test."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(20_000)
    context.add_cookies(cookies(portal.url))
    troubles: list[str] = []
    context.on("weberror", lambda error: troubles.append(str(error.error)))
    context.on("request", lambda request: troubles.append(request.url) if is_outside(request.url) else None)
    yield context
    context.close()
    assert not troubles


@pytest.fixture(autouse=True)
def _pages_end(context: BrowserContext) -> Iterator[None]:
    """Close what a test has opened: a page draws, and asks, for as long as it is there."""
    yield
    for page in context.pages:
        page.close()


def is_outside(url: str) -> bool:
    """Whether an address is on another machine."""
    return not url.startswith(("http://127.0.0.1:", "blob:", "data:"))


def cookies(url: str) -> list[Any]:
    """Return the cookies that signing in sets."""
    user = {
        "is_logged_in": True,
        "origin": url,
        "provider": "openbeam",
        "name": "Ada Lovelace",
        "iat": int(time.time()),
    }
    tokens = {"access_token": "token-of-a-student"}
    values = {"_streamlit_user": user, "_streamlit_user_tokens": tokens}
    signed = {name: create_signed_value(COOKIE_SECRET, name, json.dumps(value)) for name, value in values.items()}
    return [{"name": name, "value": value.decode(), "url": url} for name, value in signed.items()]


def opened(context: BrowserContext, url: str) -> Page:
    """Return a page at ``url`` with its title shown."""
    page = context.new_page()
    page.goto(url)
    expect(page.locator("h1")).to_be_visible(timeout=20_000)
    # A press on what is about to be drawn anew is lost.
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=20_000)
    return page


def run_to_end(page: Page, portal: Any) -> None:
    """Press Run, see it running, and wait for the last event."""
    portal.service.held = True
    page.get_by_role("button", name=words.RUN, exact=True).click()
    figure = page.get_by_test_id("live-histogram")
    expect(figure).to_have_attribute("data-state", "running", timeout=TEN_SECONDS)
    portal.service.held = False
    expect(figure).to_have_attribute("data-state", "complete", timeout=TEN_SECONDS)


def test_a_figure_fills_and_can_be_read_and_kept(context: BrowserContext, portal: Any) -> None:
    page = opened(context, f"{portal.url}/analysis?function=z_mumu&min_pt=10.5")
    expect(page.get_by_test_id("live-histogram")).to_have_attribute("data-state", "empty")
    run_to_end(page, portal)
    figure = page.get_by_test_id("live-histogram")
    expect(figure).to_have_attribute("data-events", "2304")
    expect(page.get_by_test_id("account")).to_have_text("2,304 of 2,304 events")
    assert "2,304 events in 60 bins" in str(figure.get_attribute("aria-label"))
    assert "run=" in page.url
    assert "min_pt=10.5" in page.url

    reader = page.get_by_role("slider", name=words.FIGURE["reader"])
    reader.focus()
    for _ in range(31):
        page.keyboard.press("ArrowRight")
    read = re.compile(r"^90 . 91 GeV: 315 ± 17\.7$")
    expect(page.get_by_test_id("readout")).to_have_text(read)
    expect(reader).to_have_attribute("aria-valuetext", read)

    page.get_by_role("button", name="Log", exact=True).click()
    expect(page.get_by_role("button", name="Log", exact=True)).to_have_attribute("aria-pressed", "true")

    with page.expect_download() as download:
        page.get_by_role("button", name=words.DOWNLOAD_PNG).click(timeout=60_000)
    assert download.value.suggested_filename.startswith("z_mumu-v3-mass-")
    assert download.value.path().read_bytes().startswith(b"\x89PNG")

    page.get_by_role("button", name="Selection", exact=True).click()
    expect(figure.get_by_text("opposite charge")).to_be_visible()
    expect(figure.get_by_text("768", exact=True)).to_be_visible()
    expect(page.get_by_alt_text(words.PICTURE_ALT.format(title="cutflow", events="2,304"))).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name=words.DOWNLOAD_CSV).click()
    assert "opposite charge,768" in download.value.path().read_text()

    # Whoever looks at the second histogram wants to see what a setting does to it.
    run_to_end(page, portal)
    expect(figure.get_by_text("opposite charge")).to_be_visible()


def test_a_figure_of_simulated_events_says_so_while_it_fills(context: BrowserContext, portal: Any) -> None:
    page = opened(context, f"{portal.url}/analysis?function=z_mumu")
    figure = page.get_by_test_id("live-histogram")
    expect(page.get_by_text("Simulated", exact=True)).to_have_count(0)
    portal.service.simulated = portal.service.held = True
    try:
        page.get_by_role("button", name=words.RUN, exact=True).click()
        expect(figure.get_by_text("Simulated", exact=True)).to_be_visible(timeout=TEN_SECONDS)
        assert str(figure.get_attribute("aria-label")).endswith("Simulated")
    finally:
        portal.service.simulated = portal.service.held = False
    expect(figure).to_have_attribute("data-state", "complete", timeout=TEN_SECONDS)
    expect(figure.get_by_text("Simulated", exact=True)).to_be_visible()


def test_a_figure_whose_ticket_ran_out_gets_a_new_one(
    context: BrowserContext, portal: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    portal.service.stale_ticket = portal.service.tickets + 1
    # Slow enough to be at it still when the third refusal has come, after three seconds.
    monkeypatch.setattr(portal.service, "pace", 1.5)
    page = opened(context, f"{portal.url}/analysis?function=z_mumu")
    page.get_by_role("button", name=words.RUN, exact=True).click()
    expect(page.get_by_test_id("activity")).to_have_text(words.FIGURE["reconnecting"], timeout=TEN_SECONDS)
    figure = page.get_by_test_id("live-histogram")
    expect(figure).to_have_attribute("data-state", "complete", timeout=2 * TEN_SECONDS)
    assert portal.service.tickets == portal.service.stale_ticket + 1


def test_a_link_carries_settings_and_run(context: BrowserContext, portal: Any) -> None:
    page = opened(context, f"{portal.url}/analysis?function=z_mumu")
    page.get_by_role("radio", name="both").or_(page.get_by_role("button", name="both")).first.click()
    page.wait_for_url("**charge=both**")
    run_to_end(page, portal)
    page.wait_for_url("**run=**")
    again = opened(context, page.url)
    expect(again.get_by_test_id("live-histogram")).to_have_attribute("data-state", "complete", timeout=TEN_SECONDS)
    expect(again.get_by_text(words.CHANGED)).to_have_count(0)


def test_a_card_leads_to_its_analysis_and_a_run_to_its_figure(context: BrowserContext, portal: Any) -> None:
    page = opened(context, portal.url)
    card = page.locator(".st-key-card-z_mumu")
    box = card.bounding_box()
    assert box
    # The whole card is the link, not its title alone. Its lower edge still moves while the page settles.
    card.click(position={"x": box["width"] - 12, "y": 12})
    page.wait_for_url("**/analysis?function=z_mumu**")
    run_to_end(page, portal)
    page.get_by_role("link", name=words.MY_RUNS).click()
    page.get_by_role("link", name="Z to two muons").first.click()
    page.wait_for_url("**/analysis?function=z_mumu**run=**")
    expect(page.get_by_test_id("live-histogram")).to_have_attribute("data-events", "2304", timeout=TEN_SECONDS)


def test_on_a_phone_the_figure_fits_and_comes_into_view(chromium: Browser, portal: Any) -> None:
    context = chromium.new_context(viewport={"width": 400, "height": 800}, color_scheme="dark")
    context.add_cookies(cookies(portal.url))
    page = opened(context, f"{portal.url}/analysis?function=z_mumu")
    run_to_end(page, portal)
    figure = page.get_by_test_id("live-histogram")
    expect(figure).to_be_in_viewport()
    box = figure.bounding_box()
    assert box
    assert box["width"] <= 400
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    context.close()


def test_signing_in_while_the_service_is_away_is_one_sentence(chromium: Browser, portal: Any) -> None:
    # The stand-in is no issuer, which is what a service that is away looks like.
    context = chromium.new_context()
    page = opened(context, f"{portal.url}/runs")
    page.get_by_role("button", name=words.SIGN_IN).click()
    expect(page.get_by_text(words.SIGN_IN_AWAY)).to_be_visible(timeout=20_000)
    context.close()
