"""Our commands as forks of one process that has everything imported: alone, each takes up to two seconds of CPU time.

What runs is the installed script, with the environment that a test gives. ``tests/test_up.py``, and all that runs
against the started stack, starts the programs themselves; only people are made by a fork there.
"""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import closing
from multiprocessing import forkserver
from pathlib import Path
from types import ModuleType
from typing import Final, NamedTuple
from unittest import mock

__all__ = ["Captured", "Forked", "run", "serve", "start"]

_BIN: Final = Path(sys.executable).parent
_context: Final = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["support.preload"])


class _Order(NamedTuple):
    """What a child needs to know."""

    words: Sequence[str]
    environment: dict[str, str]
    folder: str
    streams: tuple[str, str, str]
    """Files for standard input, output and error."""


class Forked:
    """A running command, with the words of ``subprocess.Popen`` that tests say."""

    def __init__(self, order: _Order) -> None:
        self._process = _context.Process(target=_live, args=(order,), daemon=True)
        # A child would run the main module once more, which is pytest, or a page that Streamlit has run.
        with mock.patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
            with mock.patch.dict(os.environ, {"PYTHONPATH": str(Path(__file__).parents[1])}):
                forkserver.ensure_running()
            self._process.start()
        self.pid: Final = int(self._process.pid or 0)
        self.words = order.words

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        """Return the exit status; None while it runs."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status once it has ended."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired(list(self.words), timeout or 0)
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def serve(environment: Mapping[str, str], log: Path) -> Forked:
    """Run ``openbeam-service serve`` with this environment; what it prints is added to the log."""
    streams = (os.devnull, str(log), str(log))
    return Forked(_Order(("openbeam-service", "serve"), dict(environment), str(Path.cwd()), streams))


class Captured(Forked):
    """A running command whose output is kept."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str], typed: str, folder: Path | None) -> None:
        self._place = tempfile.TemporaryDirectory(prefix="openbeam-run-")
        given, self._said, self._complained = (Path(self._place.name) / name for name in ("in", "out", "err"))
        given.write_text(typed)
        streams = (str(given), str(self._said), str(self._complained))
        super().__init__(_Order(words, dict(env), str(folder or Path.cwd()), streams))

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Return what it has said on standard output and error, once it has ended."""
        self.wait(timeout)
        return self._said.read_text(), self._complained.read_text()

    def close(self) -> None:
        """End it, and clear away what it said."""
        self.kill()
        self.wait()
        self._place.cleanup()


def start(*words: str, env: Mapping[str, str], typed: str = "", folder: Path | None = None) -> Captured:
    """Start one of our commands."""
    return Captured(words, env, typed, folder)


def run(
    *words: str, env: Mapping[str, str], typed: str = "", timeout: float = 60, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run one of our commands to its end, as ``subprocess.run`` does with text that is captured."""
    with closing(start(*words, env=env, typed=typed, folder=folder)) as program:
        said, complained = program.communicate(timeout)
        return subprocess.CompletedProcess(list(words), program.wait(), said, complained)


def _live(order: _Order) -> None:
    os.environ.clear()
    os.environ.update(order.environment)
    os.chdir(order.folder)
    flags = (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_APPEND, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream, (path, how) in enumerate(zip(order.streams, flags, strict=True)):
        os.dup2(os.open(path, how, 0o600), stream)
    # Python's own were made for the files of before: standard input is the null device in a child.
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - open for as long as the process lives
    sys.argv = [str(_BIN / order.words[0]), *order.words[1:]]
    runpy.run_path(sys.argv[0], run_name="__main__")
