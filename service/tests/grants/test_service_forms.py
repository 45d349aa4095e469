"""No other site can fill in a form of ours: every one of them wants the word that our own page gave."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import iter_route_contexts
from oauth_walk import Browser
from openbeam_service.app import create_app
from openbeam_service.pages import STATIC

PROGRAMS = {"/oauth/token", "/oauth/device_authorization", "/oauth/revoke", "/oauth/userinfo"}
"""For programs: they show a secret or a token of their own, and heed no cookie."""


@pytest.fixture(scope="module")
def forms(service: Any) -> set[str]:
    """Every address that takes a form from a browser."""
    app = create_app(service.settings)
    try:
        routes = iter_route_contexts(app.routes)
        found = {str(one.path_format or one.path) for one in routes if "POST" in (one.methods or ())}
    finally:
        app.state.limits.close()
        app.state.engine.dispose()
    return {path for path in found if not path.startswith("/api/")} - PROGRAMS


def test_every_form_of_another_site_is_refused(forms: set[str], signed_in: Browser) -> None:
    assert {"/login", "/logout", "/setup/{secret}", "/oauth/authorize", "/device"} <= forms
    for path in sorted(forms):
        address = path.replace("{", "").replace("}", "")
        for fields in ({}, {"form": ""}, {"form": "guessed"}, {"form": "é"}):
            sent = {"name": "eve", "decision": "allow", "code": "BCDF-BCDF", **fields}
            assert signed_in.http.post(address, data=sent).status_code == 403, path


def test_every_page_with_a_form_gives_that_word() -> None:
    pages = [page.read_text() for page in (STATIC.parent / "templates").glob("*.html")]
    forms = [form for page in pages for form in page.split("<form")[1:]]
    assert len(forms) >= 5
    for form in forms:
        assert 'method="post"' in form.partition(">")[0]
        assert 'name="form" value="{{ token }}"' in form.partition("</form>")[0]
