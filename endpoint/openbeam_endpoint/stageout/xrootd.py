"""Outputs to a user's own place on an XRootD server, by a process of its own that alone has the user's credential.

The credential is in a nameless file in memory, open in this process and that one: it is on no disk, in no argument, and
gone with them. No other credential of this machine's is within that process's reach.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Final

from openbeam.errors import OutputNotStored
from openbeam.models import CredentialKind, OutputFile, SealedSecret

from openbeam_endpoint.stageout import transfer
from openbeam_endpoint.stageout.intake import Received

__all__ = ["send"]

_PROTOCOLS: Final = {
    CredentialKind.token: ("ztn", "BEARER_TOKEN_FILE"),
    CredentialKind.x509: ("gsi", "X509_USER_PROXY"),
    CredentialKind.sss: ("sss", "XrdSecSSSKT"),
}
"""XRootD's name for each kind, and the variable that names the file with it."""
_KEPT: Final = ("PATH", "LANG", "X509_CERT_DIR", "LD_LIBRARY_PATH")
_PATIENCE: Final = 120.0
_SLOWEST: Final = 500_000
"""Bytes a second."""
_LONGEST_ANSWER: Final = 64 * 1024
_LONGEST_REASON: Final = 500


async def send(files: Sequence[Received], secret: SealedSecret, task: str) -> tuple[OutputFile, ...]:
    """Send files to ``<destination>/<task>/<name>``; when this returns, their sums were compared there.

    Raises
    ------
    OutputNotStored
        Says what the server said. Nothing of it is left there then, as far as the server can be asked to.

    """
    folder = f"{secret.destination}/{task}"
    order = {"folder": folder, "files": [(str(one.path), one.name, one.checksum) for one in files]}
    seconds = _PATIENCE + sum(one.size for one in files) / _SLOWEST
    with _in_memory(secret.secret) as number:
        said = await _transferred(json.dumps(order).encode(), secret.kind, number, seconds)
    if said:
        raise OutputNotStored(f"The outputs could not be stored at {folder}: {said}", uri=folder)
    return tuple(
        OutputFile(name=one.name, uri=f"{folder}/{one.name}", size=one.size, checksum=one.checksum, sha256=one.sha256)
        for one in files
    )


@contextmanager
def _in_memory(secret: str) -> Iterator[int]:
    number = os.memfd_create("credential", os.MFD_CLOEXEC)
    try:
        os.fchmod(number, 0o600)
        os.write(number, secret.encode())
        yield number
    finally:
        os.close(number)


async def _transferred(order: bytes, kind: CredentialKind, number: int, seconds: float) -> str:
    """Run the transfer; return what went wrong, or nothing."""
    protocol, variable = _PROTOCOLS[kind]
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", transfer.__name__, str(os.getpid())),
        env={**kept, "HOME": "/", "XrdSecPROTOCOL": protocol, variable: f"/proc/self/fd/{number}"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        limit=_LONGEST_ANSWER,
        pass_fds=[number],
    )
    try:
        async with asyncio.timeout(seconds):
            answer, _ = await process.communicate(order)
    except TimeoutError:
        return f"it took more than {seconds:.0f} seconds."
    finally:
        # Also when the task was stopped meanwhile: what is not whole is the server's to remove.
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    return _reason(answer)


def _reason(answer: bytes) -> str:
    """Return what the transfer says went wrong. Servers are anybody's: their words are cut, and steer no terminal."""
    try:
        said = json.loads(answer)["problem"]
    except (ValueError, LookupError, TypeError):
        return "the transfer ended without a word."
    return "".join(letter if letter.isprintable() else " " for letter in str(said))[:_LONGEST_REASON].strip()
