"""Streamlit's options as the portal wants them: quiet, private, and in colours that everybody can read."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from streamlit import config

from openbeam_portal.settings import Settings

__all__ = ["DARK", "LIGHT", "apply"]

# Every pair of text and ground has a contrast of 4.5 or more (WCAG 2.1 AA); a test computes them.
LIGHT: Final[dict[str, Any]] = {
    "primaryColor": "#1558c0",
    "backgroundColor": "#ffffff",
    "secondaryBackgroundColor": "#f1f5fa",
    "textColor": "#101418",
    "linkColor": "#0f4598",
    "borderColor": "#d3dce6",
    "codeBackgroundColor": "#f6f8fb",
    "codeTextColor": "#101418",
    "grayTextColor": "#4b5563",
}
DARK: Final[dict[str, Any]] = {
    # Light, to be read on dark; the style sheet gives buttons of this colour dark letters.
    "primaryColor": "#79b2ff",
    "backgroundColor": "#10151c",
    "secondaryBackgroundColor": "#1a222d",
    "textColor": "#eef2f6",
    "linkColor": "#a5ccff",
    "borderColor": "#33404f",
    "codeBackgroundColor": "#161d27",
    "codeTextColor": "#eef2f6",
    "grayTextColor": "#b4bfcb",
}
_BOTH: Final[dict[str, Any]] = {
    "baseRadius": "0.5rem",
    "headingFontSizes": ["2.1rem", "1.4rem", "1.15rem", "1.05rem", "1rem", "1rem"],
    "headingFontWeights": [700, 650, 650, 600, 600, 600],
    "paddingTop": "1.5rem",
}
_OPTIONS: Final[dict[str, Any]] = {
    "browser.gatherUsageStats": False,
    "client.showErrorDetails": "none",
    "client.showErrorLinks": False,
    "client.toolbarMode": "minimal",
    "global.disableWidgetStateDuplicationWarning": True,
    "runner.magicEnabled": False,
    "server.fileWatcherType": "none",
    "server.headless": True,
    "server.maxUploadSize": 1,
    "server.showEmailPrompt": False,
    **{f"theme.{name}": value for name, value in _BOTH.items()},
    **{f"theme.light.{name}": value for name, value in LIGHT.items()},
    **{f"theme.dark.{name}": value for name, value in DARK.items()},
}


def apply(settings: Settings) -> None:
    """Set the options of this process. To be done before the application is made."""
    parts = urlsplit(settings.portal_url)
    host = parts.hostname or "127.0.0.1"
    own = {
        # Signs the state of a sign-in on its way; the same in every portal process of a site.
        "server.cookieSecret": settings.cookie_secret,
        # With its address known, Streamlit does not ask the outside world for it.
        "browser.serverAddress": host,
        "server.corsAllowedOrigins": [settings.portal_url],
    }
    for name, value in {**_OPTIONS, **own}.items():
        config.set_option(name, value, "the portal")
