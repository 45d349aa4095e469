"""Personal tokens: made by who has signed in, for no more than they may, seen and revoked by their owner."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from oauth_walk import Browser, Native
from openbeam import Client
from openbeam.errors import Conflict, InvalidInput, NotAllowed, NotSignedIn, UnknownToken
from openbeam.models import Role
from openbeam_service.audit.models import AuditRow
from openbeam_service.database import now
from openbeam_service.identity import store, tokens
from openbeam_service.identity.models import PersonalTokenRow
from openbeam_service.identity.scopes import PEOPLE_SCOPES, SCOPE_WORDS
from openbeam_service.provision import opened


@pytest.fixture
def beam(service: Any, native: Native) -> Any:
    """A client of ``person``, who has signed in."""
    with Client(service.url, token=native.tokens()["access_token"]) as client:
        yield client


def test_a_token_does_what_was_said_until_it_is_revoked(service: Any, beam: Client, person: str) -> None:
    made = beam.make_token(" my laptop ", ["catalog:read"], days=7)
    assert (made.name, made.scopes) == ("my laptop", ["catalog:read"])
    assert abs(made.expires - now() - timedelta(days=7)) < timedelta(minutes=5)
    with Client(service.url, token=made.token) as script:
        assert (script.whoami().name, script.whoami().scopes) == (person, ["catalog:read"])
        (listed,) = beam.tokens()
        assert listed.last_used is not None
        assert made.token not in listed.model_dump_json()
        with opened(service.settings) as db:
            assert made.token.split("_", 2)[2] not in str(vars(db.get_one(PersonalTokenRow, made.id)))
        beam.revoke_token(listed)
        with pytest.raises(NotSignedIn):
            script.whoami()
    assert beam.tokens() == []
    with pytest.raises(UnknownToken):
        beam.revoke_token(made.id)
    with opened(service.settings) as db:
        rows = db.query(AuditRow).filter_by(object_id=made.id).order_by(AuditRow.id).all()
    assert [(row.action, row.actor, row.client) for row in rows] == [
        ("token.make", person, "openbeam"),
        ("token.revoke", person, "openbeam"),
    ]


def test_a_token_does_no_more_than_its_maker(
    service: Any, beam: Client, signed_in: Browser, new_person: Callable[..., str]
) -> None:
    assert set(beam.make_token("all").scopes) == {"catalog:read", "tasks:run", "functions:write"}
    for scope in ("admin", "endpoints:manage", "endpoint:agent", "openid", "everything"):
        with pytest.raises(NotAllowed, match=scope):
            beam.make_token("more", [scope])
    signed_in.sign_in(new_person(Role.admin))
    # An administrator who has not asked for the power cannot give it either.
    usual = Native(service, signed_in).tokens()["access_token"]
    with Client(service.url, token=usual) as admin, pytest.raises(NotAllowed, match="admin"):
        admin.make_token("more", ["admin"])


def test_a_role_that_shrinks_shrinks_its_tokens(service: Any, beam: Client, person: str) -> None:
    token = beam.make_token("all").token
    with opened(service.settings) as db:
        store.the_user(db, person).role = Role.pupil
    with Client(service.url, token=token) as script:
        assert script.whoami().scopes == ["catalog:read", "tasks:run"]


def test_a_token_makes_no_token_and_sees_itself_alone(service: Any, beam: Client) -> None:
    first, second = beam.make_token("first"), beam.make_token("second")
    with Client(service.url, token=first.token) as script:
        with pytest.raises(NotAllowed, match="Sign in to make a token"):
            script.make_token("third")
        assert [token.id for token in script.tokens()] == [first.id]
        with pytest.raises(UnknownToken):
            script.revoke_token(second.id)
        script.revoke_token(first.id)
        with pytest.raises(NotSignedIn):
            script.whoami()
    assert [token.id for token in beam.tokens()] == [second.id]


def test_tokens_of_others_do_not_exist(service: Any, beam: Client, new_person: Callable[..., str]) -> None:
    mine = beam.make_token("mine")
    with opened(service.settings) as db:
        other = tokens.make(db, store.the_user(db, new_person(Role.admin)), days=1)
    with Client(service.url, token=other) as admin, pytest.raises(UnknownToken):
        admin.revoke_token(mine.id)
    assert service.whoami(mine.token).status_code == 200


@pytest.mark.parametrize(
    "spec",
    [
        {"name": ""},
        {"name": "  "},
        {"name": "n" * 65},
        {"name": "a\nb"},
        {"name": "x", "days": 0},
        {"name": "x", "days": 367},
        {"name": "x", "days": 1e9},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["s"] * 21},
        {"name": "x", "secret": "mine"},
        {},
    ],
)
def test_what_is_out_of_bounds_is_refused(service: Any, native: Native, spec: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {native.tokens()['access_token']}"}
    assert service.anyone.post("/api/v1/tokens", json=spec, headers=headers).status_code == 422


def test_a_life_has_a_limit(beam: Client) -> None:
    assert beam.make_token("long", days=366)
    with pytest.raises(InvalidInput, match="at most 366 days"):
        beam.make_token("longer", days=367)


def test_nobody_has_more_than_a_hundred(service: Any, beam: Client, person: str) -> None:
    with opened(service.settings) as db:
        user = store.the_user(db, person)
        for _ in range(100 - tokens.count(db, user.id)):
            tokens.make(db, user, days=1)
    with pytest.raises(Conflict, match="You have 100 tokens"):
        beam.make_token("one more")
    beam.revoke_token(beam.tokens()[0])
    assert beam.make_token("one more")


def test_every_scope_of_a_person_has_words() -> None:
    assert set(SCOPE_WORDS) == set(PEOPLE_SCOPES)


def test_the_command_line_lists_makes_and_revokes(
    service: Any, native: Native, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from openbeam.cli.app import run_app

    monkeypatch.setenv("OPENBEAM_URL", service.url)
    monkeypatch.setenv("OPENBEAM_TOKEN", native.tokens()["access_token"])
    assert run_app(["tokens", "make", "robot", "--scope", "catalog:read", "--days", "3"]) == 0
    made, about = capfd.readouterr()
    assert service.whoami(made.strip()).json()["scopes"] == ["catalog:read"]
    assert "It is not shown again" in about
    assert run_app(["tokens", "list"]) == 0
    token_id, name, scopes, *_ = capfd.readouterr().out.split("\t")
    assert (name, scopes) == ("robot", "catalog:read")
    assert run_app(["tokens", "revoke", token_id]) == 0
    assert service.whoami(made.strip()).status_code == 401
    assert run_app(["tokens", "revoke", token_id]) == 1
    assert f"You have no token '{token_id}'" in capfd.readouterr().err
