"""The part of ``Client`` that is about functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from openbeam import source
from openbeam.checks import checked
from openbeam.errors import UnknownFunction
from openbeam.models import (
    Deprecate,
    Function,
    FunctionQuery,
    FunctionSpec,
    FunctionSummary,
    Sharing,
    Visibility,
)
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["FunctionCalls"]


def _path(ref: str | FunctionSummary) -> str:
    return f"/functions/{segment(ref if isinstance(ref, str) else ref.id, UnknownFunction)}"


class FunctionCalls:
    """Calls about functions. One is named by its id, ``name``, ``name@3`` or ``name@latest``, which is ``name``.

    Every call that names a function may raise ``UnknownFunction``, with the nearest names in ``details["nearest"]``,
    and ``NotAllowed`` where it changes one that is somebody else's.
    """

    _wire: Transport

    def functions(self, search: str | None = None, **filters: Any) -> list[FunctionSummary]:
        """Return the latest versions of the functions that the caller may see, by name, at most a thousand.

        ``search`` keeps those that have all its words (or words that begin so) in name, title, tags, description or
        docstring, the best first. Filters are those of ``FunctionQuery``: ``kind``, ``tag``, ``dataset``, ``owner``,
        ``environment``, ``class_``, ``deprecated``; ``limit`` and ``offset`` give a piece of the list.

        Raises
        ------
        InvalidInput
            When there is no such filter, or not such a value.

        """
        asked = checked(FunctionQuery, search=search or "", **filters)
        query = asked.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return self._wire.get(list[FunctionSummary], "/functions", **query)

    def function(self, ref: str) -> Function:
        """Return a function with its source, schema and lessons."""
        return self._wire.get(Function, _path(ref))

    def versions(self, ref: str | FunctionSummary) -> list[FunctionSummary]:
        """Return all versions of a function that the caller may see, newest first."""
        return self._wire.get(list[FunctionSummary], f"{_path(ref)}/versions")

    def publish_function(self, spec: FunctionSpec) -> Function:
        """Publish a function: a new version, or the latest one when nothing changed.

        Raises
        ------
        InvalidInput
            When the service refuses a field.

        """
        return self._wire.post(Function, "/functions", spec)

    def register_function(
        self,
        function: Callable[..., Any],
        *,
        description: str = "",
        name: str | None = None,
        visibility: Visibility | str | None = None,
        pickle: bool = False,
        timeout: float = 300.0,
        **fields: Any,
    ) -> str:
        """Publish a plain Python function by its source text and return its id.

        ``name`` is the function's own when not given; ``timeout`` is one call's limit in seconds; ``fields`` are others
        of a ``FunctionSpec``: ``title``, ``tags``, ``environment``, ``classes``. A new version is private when no
        ``visibility`` is given. ``pickle`` sends pickled code instead, for lambdas and closures: that stays private,
        and runs only where the same Python is.

        Raises
        ------
        InvalidInput
            When its text cannot stand alone (a lambda, a closure, names from outside); the message says what to do.

        """
        pieces = source.from_pickle(function) if pickle else source.from_callable(function)
        about = {
            "name": name or source.name_of(function),
            "description": description or source.description_of(function),
            "visibility": visibility,
            "timeout": timeout,
        }
        return self.publish_function(checked(FunctionSpec, **{**pieces.fields(), **about, **fields})).id

    def share_function(
        self, ref: str | FunctionSummary, visibility: Visibility | str, classes: Sequence[str] = ()
    ) -> Function:
        """Say who sees a version: ``private``, ``class`` with the names of ``classes``, or ``public`` (teachers only).

        Raises
        ------
        UnknownClass
            When the caller does not teach a class of that name.

        """
        return self._wire.put(
            Function, f"{_path(ref)}/sharing", checked(Sharing, visibility=visibility, classes=list(classes))
        )

    def deprecate_function(self, ref: str | FunctionSummary, reason: str, successor: str | None = None) -> Function:
        """Say that a version should not be used any more, and what to use instead. It still runs, and says so."""
        why = checked(Deprecate, reason=reason, successor=successor)
        return self._wire.put(Function, f"{_path(ref)}/deprecation", why)

    def undeprecate_function(self, ref: str | FunctionSummary) -> None:
        """Take a deprecation back."""
        self._wire.delete(f"{_path(ref)}/deprecation")

    def delete_function(self, ref: str | FunctionSummary) -> None:
        """Delete a version that nobody has used.

        Raises
        ------
        Conflict
            When a result cites it: deprecate it instead.

        """
        self._wire.delete(_path(ref))
