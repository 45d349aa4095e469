"""An endpoint as its owner sees it from this machine."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Literal

import psutil
from openbeam.errors import NotSignedIn, OpenbeamError
from openbeam.models import Isolation, Model

from openbeam_endpoint import diary
from openbeam_endpoint.control import process
from openbeam_endpoint.diary import Entry, Phase
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.identity import Tokens

__all__ = ["Listed", "Load", "State", "Status", "listed", "status"]

State = Literal["running", "starting", "stopped", "broken"]
_KILLED = "It was killed, or this machine went down."


class Listed(Model):
    """One line of a list."""

    name: str
    state: State
    reason: str = ""
    """Why it is broken, or why it ended by itself."""
    pid: int | None = None
    since: datetime | None = None
    workers: int | None = None
    isolation: str | None = None
    """The one in use; of an endpoint that does not run, the one asked for."""
    owner: str | None = None
    url: str | None = None


class Load(Model):
    """What a running endpoint takes of the machine."""

    processes: int
    memory: int
    """Bytes. Pages that its processes share are counted in each of them."""


class Status(Listed):
    """All that can be seen of one endpoint."""

    endpoint_id: str | None = None
    key_id: str | None = None
    """Of the key to which users seal credentials, for them to compare."""
    version: str | None = None
    service: str = ""
    """What the service says to this endpoint's key."""
    load: Load | None = None
    blocks: str = ""
    """How many blocks there are, where tasks run elsewhere."""
    trouble: str = ""
    """What does not work, while the endpoint as a whole does."""
    config: str
    log: str


def listed(folder: Folder) -> Listed:
    """Return what is known without asking anybody; damaged settings are part of it."""
    agent, entry = process(folder), diary.read(folder.state_path)
    state, reason = _state(agent, entry)
    found = Listed(name=folder.name, state=state, reason=reason)
    if agent is not None and entry is not None and entry.pid == agent.pid:
        found.pid, found.since = agent.pid, entry.since
    try:
        config, identity = folder.config(), folder.identity()
    except OpenbeamError as error:
        found.state, found.reason = (found.state if agent else "broken"), str(error)
        return found
    used: Isolation | None = entry.isolation if found.pid and entry else None
    found.workers = (entry.workers if found.pid and entry else None) or config.slots
    found.isolation = used.value if used else config.isolation
    found.owner, found.url = identity.owner, config.url
    return found


def _state(agent: psutil.Process | None, entry: Entry | None) -> tuple[State, str]:
    if agent is not None:
        ready = entry is not None and entry.pid == agent.pid and entry.phase is Phase.ready
        return ("running" if ready else "starting"), ""
    if entry is None:
        return "stopped", ""
    return "stopped", entry.reason if entry.phase is Phase.ended else _KILLED


def status(folder: Folder) -> Status:
    """Return what is known of an endpoint, the service asked."""
    known = listed(folder)
    agent, entry = process(folder), diary.read(folder.state_path)
    found = Status(**known.model_dump(), config=str(folder.config_path), log=str(folder.log_path))
    found.load = _load(agent) if agent else None
    if entry and found.pid:
        found.version, found.blocks, found.trouble = entry.version, entry.blocks, entry.trouble
    with suppress(OpenbeamError):
        found.endpoint_id = folder.identity().endpoint_id
        found.key_id = folder.sealing_key().thumbprint() if folder.sealing_key_path.exists() else None
        found.service = _asked(folder)
    return found


def _asked(folder: Folder) -> str:
    try:
        Tokens(folder.config().url, folder.identity().endpoint_id, folder.key()).get()
    except NotSignedIn:
        return "does not accept this endpoint (any more); configure it again"
    except OpenbeamError as error:
        return str(error)
    return "answers, and accepts this endpoint"


def _load(agent: psutil.Process) -> Load | None:
    memory, count = 0, 0
    with suppress(psutil.NoSuchProcess):
        for each in [agent, *agent.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                memory += each.memory_info().rss
                count += 1
    return Load(processes=count, memory=memory) if count else None
