"""Pydantic's verdicts and wire problems as errors of Openbeam's tree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from openbeam.errors import InvalidInput, OpenbeamError, TaskError, TooLarge, from_json
from openbeam.models import MAX_PAYLOAD, TaskProblem

__all__ = ["check_payload", "checked", "error_of", "task_error"]

M = TypeVar("M", bound=BaseModel)


def checked(model: type[M], **fields: Any) -> M:
    """Return the model of these fields.

    Raises
    ------
    InvalidInput
        Naming the first field that is wrong.

    """
    try:
        return model(**fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"{field} is {_shown(first['input'])}: {first['msg']}.", field=field) from error


def check_payload(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that the service would refuse for their size, before they travel.

    Raises
    ------
    TooLarge
        Saying the limit and what to do.

    """
    try:
        size = len(json.dumps({"args": args, "kwargs": kwargs}, ensure_ascii=False, separators=(",", ":")).encode())
    except (TypeError, ValueError, RecursionError):
        # What cannot travel at all is told by the wire.
        return
    if size > MAX_PAYLOAD:
        raise TooLarge(
            f"The arguments have {size:,} bytes; at most {MAX_PAYLOAD:,} are possible. Send less, or upload a file.",
            limit=MAX_PAYLOAD,
            size=size,
        )


def _shown(value: Any, longest: int = 60) -> str:
    text = repr(value)
    return text if len(text) <= longest else text[:longest] + "…"


def error_of(kind: str, message: str, details: Mapping[str, Any] | None = None) -> OpenbeamError:
    """Return the error of a wire form whose details may have any names, ``message`` among them."""
    return from_json({"kind": kind, "message": message, "details": dict(details or {})})


def task_error(problem: TaskProblem) -> TaskError:
    """Return why a task has no result; a kind that this version does not know is a plain ``TaskError``."""
    error = error_of(problem.kind, problem.message, problem.details)
    if isinstance(error, TaskError):
        return error
    plain = TaskError(problem.message)
    plain.details = dict(problem.details)
    return plain
