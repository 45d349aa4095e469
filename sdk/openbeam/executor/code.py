"""Callables become functions of the service, each published once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from openbeam import source
from openbeam.checks import checked
from openbeam.models import FunctionSpec, FunctionSummary
from openbeam.patience import patiently

if TYPE_CHECKING:
    from openbeam.client import Client

__all__ = ["Code", "Runnable"]

Runnable = Callable[..., Any] | str | FunctionSummary
"""A Python function, the reference of a published one, or what ``Client.function`` returns."""

_CHUNK: Final = "openbeam_chunk"


class Code:
    """What has been published so far. The service itself knows the same text again, so this only spares requests."""

    def __init__(self, client: Client, timeout: float, patience: float, *, pickle: bool) -> None:
        self._client = client
        self._patience = patience
        self._how: dict[str, Any] = {"timeout": timeout, "pickle": pickle}
        self._known: dict[tuple[Any, bool], str] = {}
        self._lock = threading.Lock()

    def ref(self, function: Runnable) -> str:
        """Return the reference to call a function by.

        Raises
        ------
        InvalidInput
            When the text of a callable cannot stand alone.

        """
        if isinstance(function, str):
            return function
        if isinstance(function, FunctionSummary):
            return function.id
        return self._once((function, False), lambda: self._client.register_function(function, **self._how))

    def chunked(self, function: Callable[..., Any]) -> str:
        """Return the reference of one that calls a function for each argument list of many. Raises as ``ref``."""
        return self._once((function, True), lambda: self._publish_loop(function))

    def _once(self, key: tuple[Any, bool], publish: Callable[[], str]) -> str:
        with self._lock:
            if key not in self._known:
                # The same text a second time is the same function.
                self._known[key] = patiently(publish, self._patience)
            return self._known[key]

    def _publish_loop(self, function: Callable[..., Any]) -> str:
        name = f"{source.name_of(function)[:57]}_chunk"
        if self._how["pickle"]:
            return self._client.register_function(_loop_over(function), name=name, **self._how)
        return self._client.publish_function(self._looped(function, name)).id

    def _looped(self, function: Callable[..., Any], name: str) -> FunctionSpec:
        pieces = source.from_callable(function).fields()
        loop = f"def {_CHUNK}(calls):\n    return [{pieces['entrypoint']}(*args) for args in calls]\n"
        spec = {**pieces, "source": f"{pieces['source']}\n\n{loop}", "entrypoint": _CHUNK}
        return checked(FunctionSpec, name=name, timeout=self._how["timeout"], **spec)


def _loop_over(function: Callable[..., Any]) -> Callable[[list[list[Any]]], list[Any]]:
    def openbeam_chunk(calls: list[list[Any]]) -> list[Any]:
        return [function(*args) for args in calls]

    return openbeam_chunk
