"""``openbeam-catalog``: publish the shared physics functions, or list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openbeam.cli import shelf
from openbeam.models import FunctionSpec

from openbeam_catalog.catalog import load_catalog

if TYPE_CHECKING:
    from openbeam import Client

__all__ = ["main"]


def _publish(client: Client, spec: FunctionSpec) -> str:
    function = client.publish_function(spec)
    return f"{function.name}@{function.version}: {spec.title}"


def _line(spec: FunctionSpec) -> str:
    return f"{spec.name}: {spec.title}, for {', '.join(spec.datasets)}"


def main() -> None:
    """Run the command line."""
    shelf.run("The shared physics functions.", load_catalog, _publish, _line)
