"""``openbeam-datasets``: publish the datasets that Openbeam comes with, or list them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openbeam.cli import shelf
from openbeam.models import DatasetSpec

from openbeam_datasets.record import load_records

if TYPE_CHECKING:
    from openbeam import Client

__all__ = ["main"]


def _publish(client: Client, spec: DatasetSpec) -> str:
    client.publish_dataset(spec)
    return f"{spec.name}: {spec.title}"


def _line(spec: DatasetSpec) -> str:
    events = f"{spec.events:,} events" if spec.events is not None else "events not counted"
    return f"{spec.name}: {spec.title}, {events}, {spec.link}"


def main() -> None:
    """Run the command line."""
    shelf.run("The datasets that Openbeam comes with.", lambda: load_records().values(), _publish, _line)
