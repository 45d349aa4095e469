"""Pages run in this process, and what can be read on them."""

from __future__ import annotations

import time
from typing import Any

from portal_service import TOKEN
from streamlit.testing.v1 import AppTest


def person(**more: Any) -> dict[str, Any]:
    """Return a signed-in person, as Streamlit's cookie keeps them."""
    user = {"is_logged_in": True, "name": "Ada Lovelace", "tokens": {"access": TOKEN}}
    return {**user, "iat": time.time() - 3600, **more}


def shown(name: str) -> None:
    """Show one page, as the portal's navigation would."""
    from openbeam_portal import places

    places.shown(name)()


def opened(page: str = "catalog", user: dict[str, Any] | None = None, **query: str) -> AppTest:
    """Return a page of the portal, run once."""
    at = AppTest.from_function(shown, args=(page,), default_timeout=30)
    at.user = person() if user is None else user
    at.query_params.update(query)
    at.run()
    assert not at.exception
    return at


def texts(at: AppTest) -> str:
    """Return all that can be read."""
    return "\n".join(
        str(part.value) for part in [*at.title, *at.header, *at.markdown, *at.caption, *at.info, *at.error]
    )


def components(at: AppTest) -> list[Any]:
    """Return the live figures."""
    return [part for part in at.main if part.type == "bidi_component"]
