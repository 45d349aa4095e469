"""Errors on their way: the same type with the same fields on both sides."""

from __future__ import annotations

from typing import Any

from openbeam.errors.base import OpenbeamError

__all__ = [
    "from_json",
    "to_json",
]


def _tree(root: type[OpenbeamError]) -> dict[str, type[OpenbeamError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def to_json(error: OpenbeamError) -> dict[str, Any]:
    """Return the wire form of an error: ``{"kind", "message", "details"}``."""
    return {"kind": type(error).__name__, "message": error.message, "details": error.details}


def from_json(data: dict[str, Any]) -> OpenbeamError:
    """Return the error that ``to_json`` described; a kind of a newer service becomes a plain ``OpenbeamError``."""
    kind = _tree(OpenbeamError).get(str(data.get("kind")), OpenbeamError)
    details = data.get("details")
    return kind(str(data.get("message", "")), **(details if isinstance(details, dict) else {}))
