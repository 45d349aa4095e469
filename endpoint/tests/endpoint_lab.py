"""A running engine with one data file, and what the tests of engines ask of it."""

from __future__ import annotations

import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import uproot
from openbeam.models import (
    CallBody,
    CallResult,
    ChunkBody,
    Isolation,
    Layout,
    TaskProblem,
    file_name,
)
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap, docker

EVENTS = 1_000
CPU_SECONDS = 3
SECRET = "nobody-may-read-this"


ISOLATIONS = [Isolation.bubblewrap, Isolation.none, pytest.param(Isolation.docker, marks=pytest.mark.system)]
WORKS = {
    Isolation.bubblewrap: (bubblewrap.works, "bubblewrap does not work here: user namespaces are forbidden"),
    Isolation.docker: (docker.works, "the Docker that answers here cannot run this machine's Python"),
    Isolation.none: (lambda: True, ""),
}


class Lab:
    """An engine with one data file."""

    def __init__(self, home: Path, isolation: Isolation) -> None:
        self.isolation = isolation
        data = home / "files"
        data.mkdir()
        self.secret = home / "operator.token"
        self.secret.write_text(SECRET)
        raw = home / "events.root"
        mass = np.linspace(80, 100, EVENTS)
        with uproot.recreate(raw) as file:
            file.mktree("events", {"mass": np.float64}).extend({"mass": mass})
        content = raw.read_bytes()
        self.file = {"file": f"adler32:{zlib.adler32(content):08x}", "size": len(content)}
        self.path = raw.rename(data / file_name(str(self.file["file"]), len(content)))
        self.engine = Engine(name=f"lab-{isolation}", data=data, workers=2, isolation=isolation, cpu=CPU_SECONDS)

    def run(self, body: Any, timeout: float = 30, task_id: str = "task") -> EngineReply:
        return self.begin(body, timeout, task_id)()

    def begin(self, body: Any, timeout: float = 30, task_id: str = "task") -> Pending:
        source, asked = body if isinstance(body, tuple) else ("", body)
        return Pending(self.engine, pack(source.encode(), asked.model_dump_json().encode()), timeout, task_id)

    def value(self, source: str, *args: Any, **kwargs: Any) -> Any:
        reply = self.run(call(source, *args, **kwargs))
        assert reply.problem is None, reply.problem
        assert reply.body is not None
        return CallResult.model_validate_json(reply.body).value

    def problem(self, source: str, *args: Any, timeout: float = 30) -> TaskProblem:
        reply = self.run(call(source, *args), timeout)
        assert reply.problem is not None, reply.body
        return reply.problem

    def chunk(self, source: str, start: int = 0, stop: int = EVENTS, **params: Any) -> EngineReply:
        body = ChunkBody(
            name="z_mass",
            entrypoint="analyze",
            params=params,
            tree="events",
            layout=Layout.flat,
            start=start,
            stop=stop,
            **self.file,
        )
        return self.run((source, body))


class Pending:
    """A task under way; called, it gives the answer."""

    def __init__(self, engine: Engine, body: bytes, timeout: float, task_id: str) -> None:
        self.replies: list[EngineReply] = []
        self.running = threading.Event()
        self._done = threading.Event()
        engine.submit(task_id, body, timeout, self._answer, self.running.set)

    def _answer(self, reply: EngineReply) -> None:
        self.replies.append(reply)
        self._done.set()

    def __call__(self) -> EngineReply:
        assert self._done.wait(60), "no answer"
        (reply,) = self.replies
        return reply


def call(source: str, *args: Any, **kwargs: Any) -> tuple[str, CallBody]:
    return source, CallBody(name="demo", entrypoint="f", args=list(args), kwargs=kwargs)


def processes_named(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if mark in process.cmdline():
                found.append(process)
    return found


def soon(condition: Any, seconds: float = 5) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())
