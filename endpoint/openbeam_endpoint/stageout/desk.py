"""Where the outputs of a task go, and whether: the part of stage-out that the dispatcher sees.

A task that names a credential sends its files where that says; any other, to the owner's folder, if there is one.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog
from joserfc.jwk import ECKey
from openbeam.errors import OutputNotStored, Refused
from openbeam.models import LeasedTask, OutputFile, OutputGrant, OutputRequest, TaskKind

from openbeam_endpoint.agent.held import Held
from openbeam_endpoint.agent.link import Link, patiently
from openbeam_endpoint.config import Config
from openbeam_endpoint.stageout import shared, xrootd
from openbeam_endpoint.stageout.intake import Intake, Received
from openbeam_endpoint.stageout.sealed import opened

__all__ = ["Desk"]

log = structlog.get_logger()

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_GB: Final = 1e9
_XROOTD_PORT: Final = 1094


class _Progress:
    """How far the files of one task are on their way. Written by the thread that moves them."""

    def __init__(self, files: list[Received]) -> None:
        self._size = sum(file.size for file in files)
        self._done = 0
        self.unwanted = False

    def add(self, count: int) -> None:
        if self.unwanted:
            raise OutputNotStored("The task was stopped while its outputs were stored.")
        self._done += count

    def __str__(self) -> str:
        return f"storing outputs, {self._done / _GB:.2f} of {self._size / _GB:.2f} GB"


class Desk:
    """Takes what tasks hand over, and brings it to its place. Belongs to the event loop's thread."""

    def __init__(self, config: Config, spool: Path, link: Link, endpoint_id: str, key: ECKey) -> None:
        self._config = config
        self._spool = spool
        self._link = link
        self._endpoint_id = endpoint_id
        self._key = key

    def expect(self, task: LeasedTask) -> Intake | None:
        """Return what takes a task's outputs; None when there is no place for any, and the task may write none."""
        if task.kind is not TaskKind.call or (task.outputs is None and self._config.outputs is None):
            return None
        return Intake(self._spool / task.lease_id, self._config.output_bytes)

    async def deliver(self, held: Held, intake: Intake) -> tuple[OutputFile, ...]:
        """Bring what a task has handed over to its place; nothing is there when this raises or is cancelled.

        Raises
        ------
        ResultRefused
            When the task handed over something that was not taken, whatever it says itself.
        OutputNotStored
            When it cannot be brought there.

        """
        if intake.refused is not None:
            raise intake.refused
        if not intake.files:
            return ()
        grant = await self._granted(held)
        progress = _Progress(intake.files)
        held.activity = progress.__str__
        try:
            stored = await self._store(held, grant, intake.files, progress)
        finally:
            progress.unwanted = True
        log.info("outputs stored", task=held.id, files=len(stored), bytes=sum(file.size for file in stored))
        return stored

    async def _granted(self, held: Held) -> OutputGrant:
        try:
            return await patiently()(self._link.outputs, OutputRequest(task_id=held.id, lease_id=held.lease_id))
        except Refused as error:
            raise OutputNotStored(f"The outputs were not stored: {error.message}") from error

    async def _store(
        self, held: Held, grant: OutputGrant, files: list[Received], progress: _Progress
    ) -> tuple[OutputFile, ...]:
        if held.task.outputs is not None:
            return await self._send_away(held, grant, files)
        names = [name for name in (grant.user, grant.user_id) if _NAME.fullmatch(name)]
        if not names or not _NAME.fullmatch(held.id) or self._config.outputs is None:
            raise OutputNotStored("The outputs were not stored: there is no place for them here.")
        root = Path(self._config.outputs)
        return await asyncio.to_thread(shared.keep, files, root, names[0], held.id, progress.add)

    async def _send_away(self, held: Held, grant: OutputGrant, files: list[Received]) -> tuple[OutputFile, ...]:
        name = held.task.outputs or ""
        secret = opened(self._key, grant.sealed or "", endpoint_id=self._endpoint_id, user_id=grant.user_id, name=name)
        server = urlsplit(secret.destination)
        known = {server.netloc, server.hostname} if server.port in {None, _XROOTD_PORT} else {server.netloc}
        if known.isdisjoint(self._config.output_hosts):
            raise OutputNotStored(
                f"This endpoint does not send files to {server.netloc}. Ask its owner to add it to output_hosts.",
                uri=secret.destination,
            )
        return await xrootd.send(files, secret, held.id)
