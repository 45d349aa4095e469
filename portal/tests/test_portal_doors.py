"""What happens before a page is shown: settings, addresses, the way back from signing in, colours."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from openbeam.errors import InvalidInput
from openbeam.home import Home
from openbeam_portal import options
from openbeam_portal.doors import OneAddress, ReturnHere
from openbeam_portal.settings import Settings
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

URL = "http://127.0.0.1:8601"


async def page(request: Request) -> Response:
    """Answer with the path."""
    return PlainTextResponse(request.url.path)


async def login(request: Request) -> Response:
    """Answer as Streamlit does: to the issuer, or with an error when it is away."""
    if "away" in request.query_params:
        return PlainTextResponse("Authentication error", status_code=400)
    return RedirectResponse("http://127.0.0.1:8600/oauth/authorize", status_code=302)


async def callback(_request: Request) -> Response:
    """Answer as Streamlit does: always to the first page."""
    return RedirectResponse("/", status_code=302)


class Visitor:
    """A browser at the portal's doors: it keeps cookies and follows nobody."""

    def __init__(self, app: Starlette) -> None:
        self._app, self._cookies = app, httpx.Cookies()

    def get(self, url: str, headers: dict[str, str] | None = None) -> httpx.Response:
        """Ask for a page."""
        return asyncio.run(self._get(url, headers or {}))

    async def _get(self, url: str, headers: dict[str, str]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url=URL, cookies=self._cookies) as client:
            answer = await client.get(url, headers=headers)
            self._cookies = client.cookies
            return answer


@pytest.fixture
def browser() -> Visitor:
    """Give a browser at the portal's doors."""
    routes = [Route("/auth/login", login), Route("/oauth2callback", callback), Route("/{path:path}", page)]
    doors = [Middleware(OneAddress, portal_url=URL), Middleware(ReturnHere, portal_url=URL)]
    return Visitor(Starlette(routes=routes, middleware=doors))


def test_localhost_is_sent_to_the_one_address(browser: Visitor) -> None:
    answer = browser.get("http://localhost:8601/analysis?function=z_mumu&min_pt=3")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{URL}/analysis?function=z_mumu&min_pt=3"
    assert browser.get("/analysis").text == "/analysis"


@pytest.mark.parametrize("host", ["portal.school.example", "10.0.0.7:8601", "evil.example"])
def test_other_hosts_are_left_alone(browser: Visitor, host: str) -> None:
    # A proxy may pass on any name; sending it elsewhere would go round for ever.
    assert browser.get("/runs", headers={"host": host}).text == "/runs"


def test_a_path_of_slashes_does_not_lead_to_another_host(browser: Visitor) -> None:
    answer = browser.get("http://localhost:8601//evil.example/x")
    assert answer.headers["location"].startswith(f"{URL}/")
    assert "//evil" not in answer.headers["location"]


def test_people_come_back_to_where_they_signed_in(browser: Visitor) -> None:
    here = "/analysis?function=z_mumu&min_pt=3.5"
    browser.get("/auth/login?provider=x", headers={"referer": URL + here})
    back = browser.get("/oauth2callback?code=1")
    assert back.headers["location"] == here
    assert browser.get("/oauth2callback?code=1").headers["location"] == "/"


@pytest.mark.parametrize(
    "referer",
    [
        "http://evil.example/analysis",
        "http://127.0.0.1:9999/x",
        f"{URL}//evil.example",
        f"{URL}/\\evil.example",
        "",
        "nonsense",
    ],
)
def test_nobody_is_sent_to_another_place(browser: Visitor, referer: str) -> None:
    browser.get("/auth/login?provider=x", headers={"referer": referer})
    assert browser.get("/oauth2callback?code=1").headers["location"] == "/"


@pytest.mark.parametrize("cookie", ["//evil.example", "http://evil.example", "%2F%2Fevil.example", "@evil.example/x"])
def test_a_forged_cookie_leads_nowhere(browser: Visitor, cookie: str) -> None:
    answer = browser.get("/oauth2callback?code=1", headers={"cookie": f"openbeam_return={cookie}"})
    assert answer.headers["location"] == "/"


def test_a_sign_in_that_cannot_begin_comes_back_with_a_reason(browser: Visitor) -> None:
    answer = browser.get("/auth/login?provider=x&away=1", headers={"referer": f"{URL}/runs"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?problem=service")


# ------------------------------------------------------------------------------------------------ settings
def home_with_secrets(folder: Path) -> Home:
    """Return a data directory as the service makes it."""
    home = Home(folder)
    home.keys.mkdir()
    (home.keys / "portal-client.secret").write_text("s" * 40 + "\n")
    (home.keys / "cookie.secret").write_text("c" * 48)
    return home


def test_settings_have_defaults_for_one_machine(tmp_path: Path) -> None:
    settings = Settings.from_env({}, home_with_secrets(tmp_path))
    assert (settings.service_url, settings.portal_url) == ("http://127.0.0.1:8600", URL)
    assert settings.address == ("127.0.0.1", 8601)
    assert settings.client_secret == "s" * 40


@pytest.mark.parametrize(
    ("environ", "address"),
    [
        ({"OPENBEAM_PORTAL_URL": "http://127.0.0.1:9000"}, ("127.0.0.1", 9000)),
        ({"OPENBEAM_PORTAL_URL": "https://beam.example.org"}, ("127.0.0.1", 8601)),
        ({"OPENBEAM_PORTAL_URL": "https://beam.example.org", "OPENBEAM_PORTAL_BIND": "0.0.0.0:80"}, ("0.0.0.0", 80)),
    ],
)
def test_where_to_listen(tmp_path: Path, environ: dict[str, str], address: tuple[str, int]) -> None:
    assert Settings.from_env(environ, home_with_secrets(tmp_path)).address == address


@pytest.mark.parametrize("url", ["beam.example.org", "ftp://x", "http://x/with/path", "http://"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(InvalidInput, match="OPENBEAM_PORTAL_URL"):
        Settings.from_env({"OPENBEAM_PORTAL_URL": url}, home_with_secrets(tmp_path))


def test_without_secrets_the_portal_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="openbeam-service init"):
        Settings.from_env({}, Home(tmp_path))


# ------------------------------------------------------------------------------------------------ colours
def luminance(color: str) -> float:
    """Return the relative luminance of ``#rrggbb`` (WCAG 2.1)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.1)."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize(
    ("theme", "button"), [(options.LIGHT, "#ffffff"), (options.DARK, "#0b1118")], ids=["light", "dark"]
)
def test_everything_can_be_read(theme: dict[str, Any], button: str) -> None:
    ground = [theme["backgroundColor"], theme["secondaryBackgroundColor"], theme["codeBackgroundColor"]]
    for text in ("textColor", "linkColor", "grayTextColor", "codeTextColor", "primaryColor"):
        assert min(contrast(theme[text], color) for color in ground) >= 4.5, text
    assert contrast(button, theme["primaryColor"]) >= 4.5
