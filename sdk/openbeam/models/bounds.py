"""What every part agrees on before anything is sent: limits, and the shapes of names and checksums."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

__all__ = [
    "FILE_KEY",
    "MAX_HISTOGRAM_BINS",
    "MAX_OUTPUT",
    "MAX_PAYLOAD",
    "MAX_RESULT",
    "MAX_SOURCE",
    "MAX_WAIT",
    "Checksum",
    "Model",
    "Name",
]

MAX_SOURCE = 256 * 1024
MAX_PAYLOAD = 1024 * 1024
MAX_RESULT = 10 * 1024 * 1024
MAX_OUTPUT = 64 * 1024
"""Of what a task prints to standard output, and of what it prints to standard error."""
MAX_HISTOGRAM_BINS = 200_000
MAX_WAIT = 30.0

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Checksum = Annotated[str, StringConstraints(pattern=r"^adler32:[0-9a-f]{8}$")]
FILE_KEY = re.compile(r"^[0-9a-f]{64}$")


class Model(BaseModel):
    """Base: unknown fields are refused, so that a typing mistake is an error and not a surprise."""

    model_config = ConfigDict(extra="forbid")
