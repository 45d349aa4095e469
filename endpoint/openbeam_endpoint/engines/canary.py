"""A tiny task of our own: an engine whose processes live, and which does not answer it, is of no use."""

from __future__ import annotations

from typing import Final

from openbeam.models import CallBody

from openbeam_endpoint.parcel import pack

__all__ = ["NAME", "PARCEL", "SECONDS"]

NAME: Final = "canary"
SECONDS: Final = 5.0
PARCEL: Final = pack(
    b"def sing():\n    return 1\n",
    CallBody(name=NAME, entrypoint="sing", args=[], kwargs={}).model_dump_json().encode(),
)
