"""A service that goes away while somebody waits is waited for, and one that stays away is told of."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from openbeam import Client, errors
from openbeam.patience import patiently

TASK = {"id": "t1", "function": "f", "endpoint": "e", "state": "success", "attempts": 1, "result": 9,
        "created": "2026-01-02T03:04:05Z", "started": None, "ended": None}  # fmt: skip
AWAY = {"error": {"kind": "ServiceUnavailable", "message": "The queue does not answer.", "details": {}}}
FAULT = {"error": {"kind": "ServiceFault", "message": "The service failed.", "details": {"reference": "ab12"}}}


def test_who_waits_for_a_result_hears_nothing_of_a_restart(
    wire: Any, beam: Client, caplog: pytest.LogCaptureFixture
) -> None:
    proxy = wire.reply(b"<html>Bad Gateway", 502, "text/html")
    # A GET whose connection breaks is asked three times before it counts as one that failed.
    wire.on("GET /tasks/t1", *[wire.hang_up] * 3, wire.reply(AWAY, 503), proxy, wire.reply(TASK))
    with caplog.at_level(logging.WARNING, "openbeam"):
        assert beam.get_result("t1", timeout=20) == 9
    assert len(wire.seen) == 6
    assert [record.message for record in caplog.records] == ["The queue does not answer. Trying again for 120 s."]


def test_the_wait_ends_when_its_time_is_up(dead_url: str) -> None:
    with Client(dead_url, token="t") as beam, pytest.raises(errors.ServiceUnavailable, match="does not answer"):
        beam.get_result("t1", timeout=0.5)


def test_what_will_not_pass_is_told_at_once(wire: Any, beam: Client) -> None:
    wire.on("GET /tasks/t1", wire.reply(FAULT, 500))
    with pytest.raises(errors.ServiceFault, match="failed"):
        beam.get_result("t1", timeout=20)
    assert len(wire.seen) == 1


def test_patience_ends() -> None:
    tries = []

    def ask() -> None:
        tries.append(1)
        raise errors.ServiceUnavailable("It is away.")

    with pytest.raises(errors.ServiceUnavailable):
        patiently(ask, 0.3)
    assert len(tries) == 3
