"""The portal as an ASGI application: Streamlit's, with the portal's doors and secrets."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from streamlit.starlette import App

from openbeam_portal import options, places
from openbeam_portal.doors import OneAddress, ReturnHere
from openbeam_portal.figure.press import press
from openbeam_portal.session import PROVIDER
from openbeam_portal.settings import Settings
from openbeam_portal.trouble import show_unexpected

__all__ = ["auth_of", "create_app"]

_SCRIPT: Final = Path(__file__).with_name("script") / "portal.py"
# What Streamlit would import for the first visitor, who would wait for it.
_LATE_IMPORTS: Final = ("pandas", "pyarrow")
_SCOPES: Final = "openid profile catalog:read functions:write datasets:write tasks:run endpoints:manage classes:manage"


def create_app(settings: Settings) -> App:
    """Return the application for these settings. One a process: Streamlit's options belong to the process."""
    options.apply(settings)
    return App(
        _SCRIPT,
        secrets={"auth": auth_of(settings)},
        routes=[Route("/healthz", _healthz)],
        middleware=[
            Middleware(OneAddress, portal_url=settings.portal_url),
            Middleware(ReturnHere, portal_url=settings.portal_url),
        ],
        lifespan=_lifespan,
        on_script_error=show_unexpected,
    )


def auth_of(settings: Settings) -> dict[str, Any]:
    """Return Streamlit's secrets about signing in."""
    return {
        "redirect_uri": f"{settings.portal_url}/oauth2callback",
        "cookie_secret": settings.cookie_secret,
        "expose_tokens": ["access"],
        PROVIDER: {
            "client_id": "portal",
            "client_secret": settings.client_secret,
            "server_metadata_url": f"{settings.service_url}/.well-known/openid-configuration",
            "client_kwargs": {"scope": _SCOPES, "code_challenge_method": "S256"},
        },
    }


@asynccontextmanager
async def _lifespan(_app: App) -> AsyncIterator[None]:
    for module in [*_LATE_IMPORTS, *(f"openbeam_portal.pages.{name}" for name in places.NAMES)]:
        import_module(module)
    # Streamlit collects garbage after every run of a page; without what is here to stay, in a tenth of the time.
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        press.close()


async def _healthz(_request: Request) -> JSONResponse:
    return JSONResponse({"status": "ok"})
