"""What the service puts off is sent again by itself, for as long as somebody has patience."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from openbeam import Client, errors

TASK = {
    "id": "t1", "function": "f", "endpoint": "e", "state": "queued", "attempts": 1, "created": "2026-01-02T03:04:05Z",
    "started": None, "ended": None,
}  # fmt: skip


def error_json(kind: str, message: str, **details: Any) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message, "details": details}}


def put_off(wire: Any, seconds: int, kind: str = "QuotaUsedUp") -> Any:
    body = error_json(kind, "You have 2 runs that have not ended.", retry_after=seconds)
    return wire.reply(body, 429, **{"Retry-After": str(seconds)})


def test_what_is_put_off_is_sent_again_with_a_warning(wire: Any, beam: Client) -> None:
    wire.on("POST /tasks", put_off(wire, 0), put_off(wire, 0), wire.reply(TASK))
    with pytest.warns(UserWarning, match=r"^You have 2 runs that have not ended\. Trying again in 0\.1 s\.$") as caught:
        assert beam.run(1, function_id="f") == "t1"
    assert (caught[0].filename, len(caught)) == (__file__, 2)
    assert len({seen.body for seen in wire.seen}) == 1
    assert len(wire.seen) == 3
    user = {"id": "u", "name": "ada", "role": "student", "scopes": []}
    wire.on("GET /whoami", wire.reply(b"busy", 429, "text/plain", **{"Retry-After": "0"}), wire.reply(user))
    with pytest.warns(UserWarning, match="too much to do"):
        assert beam.whoami().name == "ada"


def test_nobody_waits_longer_than_their_patience(wire: Any) -> None:
    wire.on("POST /tasks", put_off(wire, 0))
    with Client(wire.url, token="t", patience=0.25) as beam:
        with pytest.warns(UserWarning, match="Trying again"), pytest.raises(errors.QuotaUsedUp):
            beam.run(1, function_id="f")
        assert 1 < len(wire.seen) <= 3


@pytest.mark.parametrize("seconds", ["60", "86400", "soon", "", "-1"])
def test_a_wait_that_is_too_long_or_none_is_an_error_at_once(wire: Any, beam: Client, seconds: str) -> None:
    headers = {"Retry-After": seconds} if seconds else {}
    wire.on("DELETE /functions/f", wire.reply(error_json("TooMany", "Wait."), 429, **headers))
    with warnings.catch_warnings(action="error"), pytest.raises(errors.TooMany, match="Wait"):
        beam.delete_function("f")
    assert len(wire.seen) == 1
