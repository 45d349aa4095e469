"""Pydantic's verdicts and wire problems as errors of Openbeam's tree."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from openbeam.errors import InvalidInput, OpenbeamError, TaskCancelled, TaskError, TooLarge, from_json
from openbeam.models import MAX_PAYLOAD, Task, TaskProblem
from openbeam.states import TaskState

__all__ = ["check_payload", "checked", "error_of", "json_bytes", "no_result", "task_error", "too_large"]

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


def json_bytes(data: Any, subject: str = "This", **details: Any) -> bytes:
    """Return data as JSON.

    Raises
    ------
    InvalidInput
        When it cannot be: what holds it is named as ``subject``.

    """
    try:
        return json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("The text holds characters that are not Unicode.", **details) from error
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(
            f"{subject} cannot travel as JSON: {error}. Use numbers, text, lists and dicts.", **details
        ) from error


def check_payload(args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """Refuse arguments that the service would refuse for their size, before they travel.

    Raises
    ------
    TooLarge
        Saying the limit and what to do.

    """
    try:
        size = len(json_bytes({"args": args, "kwargs": kwargs}))
    except InvalidInput:
        # What cannot travel at all is told by the wire.
        return
    if size > MAX_PAYLOAD:
        raise too_large(size)


def too_large(size: int) -> TooLarge:
    """Build the error for arguments of so many bytes."""
    return TooLarge(
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


def no_result(task: Task) -> TaskError:
    """Return why a task that has ended has no result."""
    if task.error is not None:
        return task_error(task.error)
    if task.state is TaskState.cancelled:
        return TaskCancelled("The task was cancelled.", task_id=task.id)
    return TaskError("The task failed, and the service does not know why.", task_id=task.id)
