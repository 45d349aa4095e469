"""Bounds on what schemathesis sends: no request waits for work or for an end, as agents and browsers do."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import schemathesis

_SHORT = 0.01
_LONGEST = 30


def _shorter(values: Any) -> Any:
    """Cut a sound wait short; one that is not sound is left for the service to refuse."""
    if isinstance(values, Mapping) and "wait" in values:
        with suppress(TypeError, ValueError):
            if _SHORT < float(values["wait"]) <= _LONGEST:
                return {**values, "wait": _SHORT}
    return values


@schemathesis.hook
def before_call(_context: Any, case: Any, _kwargs: Any) -> None:
    """Shorten every wait."""
    case.query = _shorter(case.query)
    case.body = _shorter(case.body)
