"""Fixtures of the tests that cross parts: the started stack, real data, a browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from support.browser import ARGUMENTS, new_context, sign_in
from support.stack import REPOSITORY, Stack


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One started stack for all tests that need one; after the last of them, nothing of it may be left."""
    started = Stack(tmp_path_factory.mktemp("home"))
    try:
        started.start()
        yield started
    finally:
        left = started.stop()
    assert left == []


@pytest.fixture
def operator(stack: Stack) -> Iterator[Client]:
    """Return a client of the built-in administrator."""
    with stack.client() as client:
        yield client


@pytest.fixture(scope="session")
def opendata() -> Path:
    """Return the folder of real events beside the repository."""
    folder = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", REPOSITORY.parent / "shared" / "opendata"))
    if not folder.is_dir():
        pytest.skip(
            f"REAL EVENTS ARE NOT HERE: no folder {folder.name!r} beside the repository; set OPENBEAM_TEST_OPENDATA"
        )
    return folder


@pytest.fixture(scope="session")
def doublemu(opendata: Path) -> Path:
    """Return the first 100,000 events of CERN Open Data record 12341."""
    return opendata / "samples" / "cms-2012-doublemu-100k.root"


@pytest.fixture(scope="session")
def chromium() -> str:
    """Return the browser's path."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("CHROMIUM IS NOT HERE: browser tests are skipped; on Debian: apt-get install chromium")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Return a browser of these tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Return a page of somebody whom nobody knows."""
    with new_context(browser) as context:
        yield context.new_page()


@pytest.fixture(scope="module")
def student(browser: Browser, stack: Stack) -> Iterator[BrowserContext]:
    """Return where a student is signed in."""
    with new_context(browser) as context:
        page = context.new_page()
        sign_in(page, stack)
        page.close()
        yield context


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that run against the started stack."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.stack)
