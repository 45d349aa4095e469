"""When a request is made again by itself, and how long after."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import httpx
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    retry_if_result,
    stop_after_attempt,
    stop_before_delay,
    wait_chain,
    wait_fixed,
)

from openbeam.notices import tell

__all__ = ["through_breaks", "when_asked_to_wait"]

_BROKEN: Final = (httpx.ConnectError, httpx.ReadError, httpx.RemoteProtocolError)
_SHORTEST: Final = 0.1


def through_breaks() -> Retrying:
    """Return what asks a question again when its connection broke: nothing happened, or nothing that matters."""
    return Retrying(
        retry=retry_if_exception(lambda error: isinstance(error.__cause__, _BROKEN)),
        wait=wait_chain(wait_fixed(0.1), wait_fixed(0.5)),
        stop=stop_after_attempt(3),
        reraise=True,
    )


def when_asked_to_wait(patience: float) -> Retrying:
    """Return what sends a request again that the service has put off, while that takes ``patience`` seconds at most.

    The answer is the last one, whatever it is. Nothing was done of a request that was put off.
    """
    return Retrying(
        retry=retry_if_result(lambda response: _pause(response) is not None),
        wait=lambda state: _pause(_response(state)) or 0.0,
        stop=stop_before_delay(patience),
        before_sleep=_say,
        retry_error_callback=_response,
    )


def _response(state: RetryCallState) -> httpx.Response:
    response: httpx.Response = state.outcome.result()  # type: ignore[union-attr]  # it is there after an attempt
    return response


def _pause(response: httpx.Response) -> float | None:
    """Return for how many seconds the service asks to wait; None when it does not."""
    seconds = response.headers.get("Retry-After", "")
    if response.status_code != httpx.codes.TOO_MANY_REQUESTS or not seconds.isdecimal():
        return None
    return max(float(seconds), _SHORTEST)


def _say(state: RetryCallState) -> None:
    reason = "The service has too much to do."
    with suppress(ValueError, LookupError, TypeError):
        reason = str(_response(state).json()["error"]["message"])
    tell(f"{reason} Trying again in {state.upcoming_sleep:g} s.")
