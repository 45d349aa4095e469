"""A wall clock of one's own, which may jump while processes run; the machine's is left alone."""

from __future__ import annotations

import shutil
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["DAY", "Clock"]

DAY = 24 * 3600


@dataclass(frozen=True)
class Clock:
    """The wall clock of the processes that have ``environment``. Debian's libfaketime bends sleeps as well."""

    folder: Path

    @classmethod
    def made_in(cls, folder: Path) -> Clock:
        """Return a clock that is right, or skip with a loud word where none can be made."""
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.skip(
                "NO C COMPILER HERE: jumps of the clock are not tested; on Debian: apt-get install gcc libc6-dev"
            )
        clock = cls(folder)
        source = Path(__file__).with_name("clock.c")
        subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", clock._library, source], check=True)
        clock.jump(0)
        return clock

    @property
    def _library(self) -> Path:
        return self.folder / "clock.so"

    @property
    def _wrong_by(self) -> Path:
        return self.folder / "wrong-by"

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to go by this clock."""
        return {"LD_PRELOAD": str(self._library), "WRONG_CLOCK": str(self._wrong_by)}

    def jump(self, seconds: int) -> None:
        """Let the clock be wrong by so much from now on."""
        with self._wrong_by.open("r+b" if self._wrong_by.exists() else "wb") as file:
            file.write(struct.pack("=q", seconds))
