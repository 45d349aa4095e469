"""How an engine is asked to run: made by the trusted side, read inside the sandbox."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Final

__all__ = ["OUTLET_NAME", "OUTPUT_MOST", "OUTPUT_TAIL", "SEAT_ORDER", "Settings"]

OUTLET_NAME: Final = "outputs.sock"
"""The agent's socket for outputs, beside its other one."""

OUTPUT_MOST: Final = 64 * 1024
"""Bytes kept of each stream that a task prints to: ``openbeam.models.MAX_OUTPUT``, without that package's imports."""
OUTPUT_TAIL: Final = 8 * 1024
"""Bytes that a problem shows of what a task printed, and of its traceback."""

SEAT_ORDER: Final = 64 * 1024
"""Bytes at most by which an engine is asked for where its container is there already."""


@dataclass(frozen=True)
class Settings:
    """How an engine was asked to run."""

    socket: Path
    """The agent's unix socket."""
    outlet: Path
    """The agent's unix socket for outputs."""
    data: Path
    """The file cache, read-only in a sandbox."""
    scratch: Path
    """A folder for the engine's own files and the tasks' working folders."""
    workers: int
    memory: int
    """Bytes that one process of a task may allocate."""
    processes: int
    """Processes and threads that the engine's user may have."""
    crowd: int
    """Processes in the whole sandbox before the engine gives up; 0 does not count them."""
    disk: int
    """Bytes that one file of a task may have."""
    cpu: int
    """CPU seconds that one task may use, all its processes together; 0 for as many as its time limit has."""
    encrypted: int
    """1 where others on the machine could reach Parsl's ports."""
    site: Path | None = None
    """A file with the settings of a provider, where tasks run elsewhere."""

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> Settings:
        """Return the settings of a command line that ``command`` made."""
        parser = argparse.ArgumentParser(prog="openbeam-engine")
        for field in fields(cls):
            convert = Path if field.type.startswith("Path") else int
            parser.add_argument(f"--{field.name}", type=convert, required=field.default is MISSING)
        return cls(**vars(parser.parse_args(arguments)))

    @cached_property
    def way_out(self) -> int:
        """A descriptor of the agent's socket for outputs; first asked for while that has a name."""
        return os.open(self.outlet, os.O_PATH)

    def command(self) -> list[str]:
        """Return the command line's arguments."""
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return [f"--{name}={value}" for name, value in given.items() if value is not None]
