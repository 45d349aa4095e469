"""Figures for print, and fits, made off the portal's process, which has people to answer: matplotlib is slow and large.

One process draws one figure after the other. It starts when first needed, is killed when a figure takes too long, and
ends when nobody asked for a while, or when the portal does. (Not ``multiprocessing``: a spawned process would run the
portal's script, which Streamlit gives out as the main module.)
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from dataclasses import asdict
from typing import Any, Final

from openbeam.errors import from_json

from openbeam_portal.figure.peak import Answer, Wanted
from openbeam_portal.figure.picture import Picture

__all__ = ["Press", "PressBusy", "PressFailed", "press"]

_log = logging.getLogger(__name__)
_COMMAND: Final = (sys.executable, "-m", "openbeam_portal.figure.worker")
_SECONDS_TO_END: Final = 5.0


class PressBusy(Exception):
    """Too many figures are waiting; try again soon."""


class PressFailed(Exception):
    """The figure could not be drawn."""


class Press:
    """Draws pictures and makes fits, one at a time.

    Parameters
    ----------
    timeout
        Seconds that one figure may take, the start of the process included.
    patience
        Seconds to wait for one's turn.
    rest
        Seconds without work after which the process ends.
    command
        What to start: a program that speaks as ``openbeam_portal.figure.worker`` does.

    """

    def __init__(
        self,
        timeout: float = 30.0,
        patience: float = 60.0,
        rest: float = 300.0,
        command: tuple[str, ...] = _COMMAND,
    ) -> None:
        self._timeout, self._patience, self._rest, self._command = timeout, patience, rest, command
        self._turn = threading.Lock()
        self._change = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._bell: threading.Timer | None = None

    def warm(self) -> None:
        """Start the process, if it is not running, without waiting for it: a figure will be wanted soon."""
        self._started()

    def draw(self, picture: Picture) -> bytes:
        """Return the PNG of a picture.

        Raises
        ------
        PressBusy
            When it was not this picture's turn in time.
        PressFailed
            When the histogram cannot be drawn, or took too long.

        """
        return self._print(picture, None)[1]

    def fit(self, picture: Picture, wanted: Wanted) -> Answer:
        """Return a fit of a picture's histogram.

        Raises
        ------
        OpenbeamError
            When no such fit can be made; says why, and what to do.
        PressBusy
            When it was not this fit's turn in time.
        PressFailed
            When it took too long.

        """
        said, png = self._print(picture, wanted)
        if "refused" in said:
            raise from_json(said["refused"])
        made = said["fit"]
        rows = tuple((title, value) for title, value in made["rows"])
        return Answer(rows, made["summary"], tuple(made["sentences"]), made["csv"], png)

    def _print(self, picture: Picture, wanted: Wanted | None) -> tuple[dict[str, Any], bytes]:
        if not self._turn.acquire(timeout=self._patience):
            raise PressBusy
        try:
            process = self._started()
            killer = threading.Timer(self._timeout, process.kill)
            killer.start()
            try:
                return _ask(process, {"picture": asdict(picture), "fit": asdict(wanted) if wanted else None})
            finally:
                killer.cancel()
        except (OSError, ValueError, LookupError) as error:
            # A process that was killed or died: it ended its sentence too early, or never began one.
            self.close()
            raise PressFailed(f"no figure: {error}") from error
        finally:
            self._turn.release()

    def close(self) -> None:
        """End the process."""
        with self._change:
            if self._bell:
                self._bell.cancel()
            process, self._process = self._process, None
        if process is not None:
            # The process ends when nobody can ask any more.
            try:
                process.communicate(timeout=_SECONDS_TO_END)
            except (subprocess.TimeoutExpired, OSError, ValueError):
                process.kill()
                process.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        with self._change:
            if self._bell:
                self._bell.cancel()
            self._bell = threading.Timer(self._rest, self._close_when_idle)
            self._bell.daemon = True
            self._bell.start()
            if self._process is None or self._process.poll() is not None:
                self._process = subprocess.Popen(  # noqa: S603 - our own program, nobody's words in it
                    self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            return self._process

    def _close_when_idle(self) -> None:
        if self._turn.acquire(blocking=False):
            try:
                self.close()
            finally:
                self._turn.release()


def _ask(process: subprocess.Popen[bytes], request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    if process.stdin is None or process.stdout is None:
        raise ValueError("the process has no pipes")
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    if "error" in answer:
        _log.warning("a figure could not be drawn: %s", answer["error"])
        raise PressFailed(answer["error"])
    png = process.stdout.read(answer["size"])
    if len(png) < answer["size"]:
        raise ValueError("the picture is cut short")
    return answer, png


press = Press()
"""The portal's one press."""
