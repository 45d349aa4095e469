"""Openbeam: beam time for everyone.

``from openbeam import Client`` is the way in. Names are loaded when first used, so that an engine's worker, which needs
the shared models alone, does not pay for the HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from openbeam.client import Client
    from openbeam.executor import Executor
    from openbeam.run import Run

__all__ = ["Client", "Executor", "Run", "__version__"]

__version__ = "0.1.0"

_HOMES = {"Client": "openbeam.client", "Executor": "openbeam.executor", "Run": "openbeam.run"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
