"""Limits on how often one may knock: counted in Valkey for all copies, alone while it is away, told plainly."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from openbeam.errors import TooMany
from openbeam_service.limits import Door, Limits
from openbeam_service.settings import Settings
from pydantic import ValidationError


@contextmanager
def _limits(known: Settings, **changes: Any) -> Iterator[Limits]:
    counter = Limits(known.model_copy(update=changes))
    try:
        yield counter
    finally:
        counter.close()


@pytest.fixture
def away(tmp_path: Path, service: Any) -> Settings:
    """Settings of a queue's server that nobody runs."""
    return service.settings.model_copy(update={"valkey": f"unix://{tmp_path}/nobody.sock"})  # type: ignore[no-any-return]


@pytest.mark.parametrize("reached", [True, False])
@hypothesis(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tries=st.lists(st.sampled_from("abc"), max_size=20), limit=st.integers(1, 5))
def test_everybody_has_their_own_count(
    service: Any, away: Settings, reached: bool, tries: list[str], limit: int
) -> None:
    here = secrets.token_hex(8)
    with _limits(service.settings if reached else away, rate_sign_in=f"{limit} per hour") as limits:
        for position, who in enumerate(tries):
            if tries[:position].count(who) < limit:
                limits.spend(Door.sign_in, who, here)
            else:
                with pytest.raises(TooMany) as refused:
                    limits.spend(Door.sign_in, who, here)
                assert 0 < refused.value.details["retry_after"] <= 3600


def test_copies_count_together_and_success_forgives(service: Any) -> None:
    who = secrets.token_hex(8)
    tight = {"rate_sign_in": "2 per 5 minutes", "rate_join_code": "1 per 30 seconds"}
    with _limits(service.settings, **tight) as one, _limits(service.settings, **tight) as other:
        one.spend(Door.sign_in, who)
        other.spend(Door.sign_in, who)
        for limits in (one, other):
            with pytest.raises(TooMany, match=r"Wait 5 minutes, then"):
                limits.spend(Door.sign_in, who)
        one.spend(Door.join_code, who)
        other.forgive(Door.sign_in, who)
        one.spend(Door.sign_in, who)
        with pytest.raises(TooMany, match=r"Wait (30|29) seconds"):
            other.spend(Door.join_code, who)


def test_names_do_not_reach_the_queue_s_server(service: Any) -> None:
    from redis import Redis

    name = f"name-{secrets.token_hex(8)}"
    with _limits(service.settings) as limits, Redis.from_url(service.settings.valkey) as server:
        limits.spend(Door.sign_in, name)
        keys = [key.decode() for key in server.scan_iter("openbeam:limit:*")]
    assert any("sign_in" in key for key in keys)
    assert not any(name in key for key in keys)


def test_a_caller_and_a_stranger_are_told_when_to_come_back(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_CALLS="3 per minute", OPENBEAM_RATE_STRANGERS="60 per minute")
    ada, bob = service.user("ada"), service.user("bob")
    answers = [service.whoami(ada) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 0 < int(answers[3].headers["retry-after"]) <= 60
    assert answers[3].json()["error"]["message"].startswith("Too many tries. Wait ")
    assert service.whoami(bob).status_code == 200
    # Whoever asked for the service's health while it started has been counted too.
    guesses = [service.whoami("obp_wrong").status_code for _ in range(61)]
    assert (guesses[0], guesses[-1]) == (401, 429)
    # Who guesses from an address does not lock out who knows.
    assert service.whoami(bob).status_code == 200


def test_an_address_cannot_be_made_up(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_STRANGERS="60 per minute")
    codes = [
        service.anyone.get("/api/v1/whoami", headers={"X-Forwarded-For": f"10.0.0.{number}"}).status_code
        for number in range(61)
    ]
    assert (codes[0], codes[-1]) == (401, 429)


def test_programs_are_told_in_oauth_s_words(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_TOKEN="2 per minute")
    answers = [service.anyone.post("/oauth/token", data={"grant_type": "refresh_token"}) for _ in range(3)]
    assert [answer.status_code for answer in answers][2] == 429
    assert answers[2].json()["error"] == "temporarily_unavailable"
    assert 0 < int(answers[2].headers["retry-after"]) <= 60
    assert service.anyone.post("/oauth/revoke", data={"token": "x"}).status_code == 429


def test_passwords_are_tried_so_often_from_an_address(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_SIGN_IN_ADDRESS="2 per minute")
    with service.client(Accept="text/html") as browser:
        form = re.search('name="form" value="([^"]+)"', browser.get("/login").text)
        assert form
        tries = [
            browser.post("/login", data={"form": form[1], "name": name, "password": "guess"})
            for name in ("a", "b", "c")
        ]
    assert [answer.status_code for answer in tries] == [422, 422, 429]


def test_what_needs_no_token_has_a_limit_too(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_STRANGERS="300 per minute")
    with service.client() as stranger:
        codes = {stranger.get("/api/v1/docs").status_code}
        while codes == {200}:
            codes = {stranger.get("/api/v1/health").status_code for _ in range(50)}
    assert 429 in codes
    assert service.http.get("/api/v1/whoami").status_code == 200


@pytest.mark.parametrize("rate", ["", "often", "0 per minute", "5", "5 per fortnight", "5 per minute; 9 per hour"])
def test_a_rate_that_means_nothing_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rate: str) -> None:
    monkeypatch.setenv("OPENBEAM_HOME", str(tmp_path))
    monkeypatch.setenv("OPENBEAM_RATE_TOKEN", rate)
    with pytest.raises(ValidationError, match="5 per 5 minutes"):
        Settings()
