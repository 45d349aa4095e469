"""What other packages of ours add to the command line, found by entry point: this one imports none of them."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, Final

from openbeam.errors import NotInstalled

__all__ = ["extra"]

_GROUP: Final = "openbeam.extras"
_PACKAGES: Final = {"simulate": "openbeam-datasets", "record": "openbeam-datasets", "bench": "openbeam-endpoint"}
"""Which package brings what."""


def extra(name: str) -> Callable[..., Any]:
    """Return what the package that brings ``name`` offers under it.

    Raises
    ------
    NotInstalled
        When that package is not installed here; names it.

    """
    for point in entry_points(group=_GROUP, name=name):
        found: Callable[..., Any] = point.load()
        return found
    package = _PACKAGES[name]
    raise NotInstalled(
        f"This needs the package {package}, which is not installed here. Install it: pip install {package}",
        package=package,
    )
