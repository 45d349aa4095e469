"""What tests of engines with blocks share."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from endpoint_lab import Pending, call, processes_named
from openbeam.models import Isolation
from openbeam_endpoint.engines import Engine
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.providers.settings import Site

NODE = "openbeam_endpoint.engine.node"


def begin(engine: Engine, source: str, *args: Any, timeout: float = 60, task_id: str = "task") -> Pending:
    text, body = call(source, *args)
    return Pending(engine, pack(text.encode(), body.model_dump_json().encode()), timeout, task_id)


def value(pending: Pending) -> Any:
    reply = pending()
    assert reply.problem is None, reply.problem
    return json.loads(reply.body or b"")["value"]


def kind(pending: Pending) -> str:
    problem = pending().problem
    assert problem is not None
    return problem.kind


def nodes(home: Path) -> list[psutil.Process]:
    """Return the nodes: their zygotes have the same command line."""
    found = {}
    for process in processes_named(NODE):
        with suppress(psutil.Error):
            if f"--data={home / 'files'}" in process.cmdline():
                found[process.pid] = process.ppid(), process
    return [process for parent, process in found.values() if parent not in found]


def made(home: Path) -> Path:
    for name in ("files", "scratch"):
        (home / name).mkdir()
    return home


def started(home: Path, site: Site) -> Engine:
    engine = Engine(
        name="blocks",
        data=home / "files",
        workers=site.slots,
        isolation=Isolation.none,
        scratch=home / "scratch",
        site=site,
    )
    engine.start()
    return engine
