"""A token that is revoked is worthless at its next use, and so is all that came from the same sign-in."""

from __future__ import annotations

from typing import Any

import pytest
from oauth_walk import Native
from openbeam_service.audit.models import AuditRow
from openbeam_service.provision import opened


@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
@pytest.mark.parametrize("hint", ["refresh_token", "cookie", None])
def test_either_token_ends_the_sign_in_at_once(
    service: Any, native: Native, person: str, kind: str, hint: str | None
) -> None:
    tokens, others = native.tokens(), native.tokens()
    answer = native.post("/oauth/revoke", token=tokens[kind], token_type_hint=hint)
    assert (answer.status_code, answer.json()) == (200, {})
    assert service.whoami(tokens["access_token"]).status_code == 401
    assert native.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    # Another sign-in of the same person goes on.
    assert service.whoami(others["access_token"]).status_code == 200
    assert native.refresh(others["refresh_token"]).status_code == 200
    with opened(service.settings) as db:
        assert [row.action for row in db.query(AuditRow).filter_by(actor=person)].count("grant.revoke") == 1


def test_a_personal_token_may_be_revoked_by_who_holds_it(service: Any, native: Native) -> None:
    token = service.user("revoker")
    cut = token[:-1] + ("A" if token[-1] != "A" else "B")
    assert native.post("/oauth/revoke", token=cut).status_code == 200
    assert service.whoami(token).status_code == 200
    assert native.post("/oauth/revoke", token=token).status_code == 200
    assert service.whoami(token).status_code == 401


@pytest.mark.parametrize("token", ["x", "obr_x_y", "obp_x_y", "a.b.c", "é", "x" * 5000])
def test_an_unknown_token_is_as_good_as_revoked(native: Native, token: str) -> None:
    assert native.post("/oauth/revoke", token=token).status_code == 200


def test_another_client_cannot_revoke(service: Any, native: Native) -> None:
    tokens = native.tokens()
    secret = (service.home.keys / "portal-client.secret").read_text().strip()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        refused = service.anyone.post("/oauth/revoke", data={"token": token}, auth=("portal", secret))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    for who in ({"client_id": None}, {"client_id": "nobody"}, {"client_id": "portal"}):
        refused = native.post("/oauth/revoke", token=tokens["access_token"], **who)
        assert refused.json()["error"] == "invalid_client"
    assert service.whoami(tokens["access_token"]).status_code == 200


def test_a_request_without_a_token_is_refused(native: Native) -> None:
    answer = native.post("/oauth/revoke")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
