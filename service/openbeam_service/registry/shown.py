"""How people see functions."""

from __future__ import annotations

from typing import Any

from openbeam.models import Deprecation, Function, FunctionSummary, Lesson

from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.sharing import shown_classes

__all__ = ["notices", "shown_function", "summary"]

_SAME = (
    "id",
    "name",
    "version",
    "kind",
    "format",
    "title",
    "description",
    "tags",
    "datasets",
    "environment",
    "visibility",
    "sha256",
    "created",
)
_BODY = ("source", "entrypoint", "parameters", "docstring", "python", "timeout")


def summary(caller: Principal, row: FunctionRow) -> FunctionSummary:
    """Return a function as lists show it."""
    return FunctionSummary(**_brief(caller, row))


def shown_function(caller: Principal, row: FunctionRow) -> Function:
    """Return a function with everything."""
    body = {field: getattr(row, field) for field in _BODY}
    return Function(**_brief(caller, row), **body, lessons=[Lesson.model_validate(lesson) for lesson in row.lessons])


def notices(row: FunctionRow) -> list[str]:
    """Return what somebody who uses a version should be told."""
    if row.deprecated is None:
        return []
    instead = f" Use {row.successor} instead." if row.successor else ""
    return [f"{row.ref} is deprecated: {row.reason.rstrip('.')}.{instead}"]


def _brief(caller: Principal, row: FunctionRow) -> dict[str, Any]:
    old = row.deprecated and Deprecation(reason=row.reason, successor=row.successor, since=row.deprecated)
    return {
        **{field: getattr(row, field) for field in _SAME},
        "owner": row.owner.name,
        "classes": shown_classes(caller, row.owner_id, row.classes),
        "deprecated": old,
    }
