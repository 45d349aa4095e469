"""A student's first lesson in a real browser: sign in, catalog, slider, run, live histogram, account, PNG."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.browser import sign_in
from support.stack import Stack

pytestmark = pytest.mark.browser


def test_a_student_s_first_lesson(stack: Stack, page: Page, tmp_path: Path) -> None:
    sign_in(page, stack)
    page.get_by_role("link", name="Z to two muons").click()

    slider = page.get_by_role("slider", name="Lowest muon momentum")
    slider.focus()
    slider.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"min_pt=1"))
    page.get_by_role("button", name="Run", exact=True).click()
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


SAMPLE_UNTIL_THE_END = """
figure => new Promise(done => {
  const seen = new Set();
  const look = () => {
    seen.add(Number(figure.dataset.events));
    figure.dataset.state === "complete" ? done([...seen]) : requestAnimationFrame(look);
  };
  look();
})
"""


@pytest.mark.opendata
def test_the_histogram_is_seen_filling(stack: Stack, page: Page, doublemu: Path) -> None:
    with stack.client() as client:
        client.add_local_file(doublemu, "browser-100k", like="cms-2012-doublemu", title="First 100,000 events")
    sign_in(page, stack)
    page.goto(f"{stack.portal_url}/analysis?function=dimuon_spectrum&dataset=browser-100k&bins=250")
    agent = stack.program("openbeam-endpoint")
    # Else the run may be over before a busy machine's browser has drawn the page.
    agent.suspend()
    try:
        page.get_by_role("button", name="Run", exact=True).click()
        figure = page.get_by_test_id("live-histogram")
        figure.wait_for()
    finally:
        agent.resume()
    seen = figure.evaluate(SAMPLE_UNTIL_THE_END)
    assert seen == sorted(seen)
    assert seen[-1] == 100_000
    assert [events for events in seen if 0 < events < 100_000]
    expect(page.get_by_test_id("account")).to_contain_text("100,000 of 100,000 events")
    if (folder := os.environ.get("OPENBEAM_PICTURES")) is not None:
        page.get_by_role("button", name="Download PNG").wait_for()
        page.mouse.move(0, 0)
        page.screenshot(path=Path(folder) / "portal.png")
