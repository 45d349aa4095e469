"""The process that sends one task's outputs to an XRootD server, with one user's credential and nothing else.

Reads an order from its input, says how it went in one line, and ends. Each file is sent under another name, compared
with its sum as the server or a second look has it, and gets its name then.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

__all__ = ["main"]

_TRIES: Final = 3
_PIECE: Final = 4 * 1024 * 1024
_SETTINGS: Final = {
    "XRD_CONNECTIONWINDOW": "5",
    "XRD_CONNECTIONRETRY": "1",
    "XRD_REQUESTTIMEOUT": "60",
    "XRD_STREAMTIMEOUT": "30",
    "XRD_STREAMERRORWINDOW": "0",
}


class _Refused(Exception):
    """What went wrong, as XRootD's client or the server says it."""

    def __init__(self, message: str, *, may_pass: bool = False) -> None:
        super().__init__(message)
        self.may_pass = may_pass


def _check(status: Any) -> None:
    if not status.ok:
        # Without a number of its own, it is not the server's word but a connection's end.
        raise _Refused(str(status.message).strip().removeprefix("[ERROR] "), may_pass=not status.errno)


class _Sender:
    """Files on their way into one folder of one server."""

    def __init__(self, folder: str) -> None:
        # It reads its settings when it is imported.
        client: Any = import_module("XRootD.client")
        parts = urlsplit(folder)
        self._client = client
        self._server = f"{parts.scheme}://{parts.netloc}"
        self._folder = PurePosixPath("/" + parts.path.lstrip("/"))
        self._files = client.FileSystem(self._server)
        self._stored: list[str] = []

    def sweep(self) -> None:
        """Remove what an earlier try of the task has left; raises _Refused when the server does not answer."""
        found, listing = self._files.dirlist(str(self._folder))
        if not found.ok and not found.errno:
            _check(found)
        for entry in listing or ():
            self._files.rm(str(self._folder / entry.name))

    def send(self, source: str, name: str, checksum: str) -> None:
        """Send one file; raises _Refused."""
        part = str(self._folder / f".{name}.{secrets.token_hex(6)}")
        try:
            self._copy(source, part)
            self._compare(part, checksum)
            _check(self._files.mv(part, str(self._folder / name))[0])
        except _Refused:
            self._files.rm(part)
            raise
        self._stored.append(name)

    def take_back(self) -> None:
        """Remove what was stored: all files of a task are there, or none."""
        for name in self._stored:
            self._files.rm(str(self._folder / name))

    def _copy(self, source: str, target: str) -> None:
        process = self._client.CopyProcess()
        # The server removes a file whose sender does not say that it is whole.
        process.add_job(source, f"{self._server}/{target}", posc=True, mkdir=True)
        _check(process.prepare())
        _check(process.run()[0])

    def _compare(self, path: str, checksum: str) -> None:
        if self._sum(path) != checksum:
            raise _Refused("a file has another checksum there than here.", may_pass=True)

    def _sum(self, path: str) -> str:
        """Return a file's Adler-32, as the server says; one that keeps no sums has the file read again."""
        status, answer = self._files.query(self._client.flags.QueryCode.CHECKSUM, path)
        kind, _, digits = (answer or b"").decode("ascii", "replace").strip("\0 \n").partition(" ")
        if status.ok and kind == "adler32":
            return f"adler32:{digits.rjust(8, '0')}"
        with self._client.File() as file:
            _check(file.open(f"{self._server}/{path}")[0])
            found, offset = 1, 0
            while piece := self._read(file, offset):
                found = zlib.adler32(piece, found)
                offset += len(piece)
        return f"adler32:{found:08x}"

    @staticmethod
    def _read(file: Any, offset: int) -> bytes:
        status, piece = file.read(offset, _PIECE)
        _check(status)
        return bytes(piece)


def _patiently(work: Callable[[], None]) -> None:
    for tried in range(1, _TRIES + 1):
        try:
            work()
        except _Refused as error:
            if not error.may_pass or tried == _TRIES:
                raise
            time.sleep(tried)
        else:
            return


def _send_all(order: dict[str, Any]) -> None:
    sender = _Sender(order["folder"])
    _patiently(sender.sweep)
    try:
        for source, name, checksum in order["files"]:
            _patiently(partial(sender.send, source, name, checksum))
    except _Refused:
        sender.take_back()
        raise


def main() -> None:
    """Do as the order on standard input says; the argument is the agent's process id."""
    from openbeam_endpoint.engine import kernel

    kernel.die_with_parent(int(sys.argv[1]))
    os.environ.update(_SETTINGS)
    try:
        _send_all(json.load(sys.stdin))
    except _Refused as error:
        said = str(error)
    else:
        said = ""
    sys.stdout.write(json.dumps({"problem": said}))


if __name__ == "__main__":
    main()
