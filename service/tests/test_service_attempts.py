"""The limit on password tries."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import TooMany
from openbeam_service.identity import attempts
from openbeam_service.identity.attempts import Attempts


@settings(deadline=None)
@given(st.lists(st.sampled_from("abc"), max_size=40), st.integers(1, 5))
def test_each_key_has_its_own_count(keys: list[str], limit: int) -> None:
    tries = Attempts(limit, seconds=1000)
    for position, key in enumerate(keys):
        if keys[:position].count(key) < limit:
            tries.spend(key)
        else:
            with pytest.raises(TooMany) as refused:
                tries.spend(key)
            assert 0 < refused.value.details["retry_after"] <= 1000


def test_time_and_success_forgive() -> None:
    tries = Attempts(limit=1, seconds=0.05)
    tries.spend("a")
    with pytest.raises(TooMany, match="a minute"):
        tries.spend("a")
    time.sleep(0.06)
    tries.spend("a")
    tries.forgive("a")
    tries.spend("a")


def test_the_table_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "_MOST_KEYS", 3)
    tries = Attempts(limit=1, seconds=1000)
    for key in "abcd":
        tries.spend(key)
    tries.spend("a")
    with pytest.raises(TooMany):
        tries.spend("d")
