"""Pydantic's verdicts and wire problems as errors of Openbeam's tree."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from openbeam.errors import InvalidInput, OpenbeamError, TaskError, from_json
from openbeam.models import TaskProblem

__all__ = ["checked", "error_of", "task_error"]

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
