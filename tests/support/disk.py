"""A small disk that somebody else fills."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Disk", "small_disk"]


@dataclass(frozen=True)
class Disk:
    """A disk, and what others have on it."""

    folder: Path

    @property
    def _others(self) -> Path:
        return self.folder / "others"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._others.open("ab", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                try:
                    while True:
                        file.write(b"\0" * size)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise

    def free(self) -> None:
        """Give the room back."""
        self._others.unlink()


@contextmanager
def small_disk(folder: Path, megabytes: int = 64) -> Iterator[Disk]:
    """Mount a disk at a folder, or skip with a loud word where that is not allowed."""
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "openbeam-test", folder],
            capture_output=True,
            check=False,
        ).returncode
    )
    if not mounted:
        pytest.skip("NO SMALL DISK HERE: full disks are not tested; mounting one needs root")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", folder], check=True)
