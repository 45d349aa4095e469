"""What can travel: values that come in as JSON and that every later answer must be able to write as JSON again.

Python reads more than it can write: half of a surrogate pair, numbers that are not finite, lists in lists in lists.
Who looks when a value comes in spares everybody a failure long after.
"""

from __future__ import annotations

import json
from typing import Any, Final

from pydantic_core import to_json

__all__ = ["size_of"]

_AROUND: Final = 16
"""Objects and lists that answers put around a value."""


def size_of(value: Any) -> int:
    """Return how many bytes a value has as JSON.

    Raises
    ------
    ValueError
        When it cannot be written as JSON.

    """
    try:
        text = json.dumps(value, allow_nan=False)
        wrapped = value
        for _ in range(_AROUND):
            wrapped = [wrapped]
        to_json(wrapped)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    return len(text)
