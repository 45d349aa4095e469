"""Engines that are lost, worn or wedged, as the agent has them: the next task runs at once, in another one.

Real engines through the agent's own ``Tenants``, one warm and one spare. The time to the next result is printed
(``pytest -s``), and has a generous cap.
"""

from __future__ import annotations

import asyncio
import itertools
import signal
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from endpoint_lab import WORKS, call, soon
from openbeam.models import CallResult, Isolation
from openbeam_endpoint.agent.supply import Supply
from openbeam_endpoint.agent.tenants import Tenants
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack

FINE = "def f():\n    return 1"
NAP = "import time\ndef f():\n    time.sleep({})\n    return 'rested'"
CAP = 30.0
ALONE = "import os, signal, time\nassert os.getuid() == 65534, 'not in a sandbox'\n"

HARM = {
    "endless loop": "def f():\n    while True:\n        pass",
    "all memory": "def f():\n    return len(bytearray(64 << 30))",
    "fork bomb": f"{ALONE}def f():\n    for _ in range(1500):\n        os.fork() or time.sleep(60)\n    time.sleep(20)",
    "kill the parent": f"{ALONE}def f():\n    os.kill(os.getppid(), 9)\n    time.sleep(9)",
    "kill all": f"{ALONE}def f():\n    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getpid(), 9)",
    "stop all": f"{ALONE}def f():\n    os.kill(-1, signal.SIGSTOP)\n    time.sleep(9)",
}


class House:
    """The part of an agent that has engines, in a thread of its own as an agent's event loop is."""

    def __init__(self, data: Path, isolation: Isolation) -> None:
        numbers = itertools.count()
        self.isolation = isolation
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        self.engines: list[Engine] = []

        def make() -> Engine:
            engine = Engine(name=f"house-{next(numbers)}", data=data, workers=2, isolation=self.isolation)
            self.engines.append(engine)
            return engine

        async def build() -> tuple[Supply, Tenants]:
            supply = Supply(make, spares=1, on_trouble=print)
            return supply, Tenants(supply, warm="me", most=2, idle_seconds=60)

        self.supply, self.tenants = self.do(build())
        self.loops = [asyncio.run_coroutine_threadsafe(loop, self.loop) for loop in self._loops()]

    def _loops(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield from (self.tenants.keep_warm(), self.tenants.watch(), self.tenants.keep_spares())

    def do(self, what: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self.loop).result(60)

    def close(self) -> None:
        for loop in self.loops:
            loop.cancel()
        self.do(self.tenants.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def begin(self, source: str, timeout: float = 30, tenant: str = "me") -> Pending:
        return Pending(self, source, timeout, tenant)

    def ask(self, source: str, timeout: float = 30, tenant: str = "me") -> EngineReply:
        return self.begin(source, timeout, tenant).reply()

    def next_task(self, tenant: str = "me") -> EngineReply:
        """Return the result of a harmless task; what a retry mends is tried again, as the service does it."""
        for _ in range(20):
            reply = self.ask(FINE, tenant=tenant)
            if reply.body is not None:
                return reply
            assert reply.problem is not None
            assert reply.problem.retry, reply.problem
        raise AssertionError("no harmless task runs any more")

    def await_spare(self) -> None:
        assert soon(lambda: self.supply.has_spare, 60), "no spare engine came"

    def serving(self, reply: EngineReply) -> Engine:
        """Return the engine that a reply is from."""
        return next(engine for engine in self.engines if reply.worker.endswith(engine.mark))


class Pending:
    """A task under way."""

    def __init__(self, house: House, source: str, timeout: float, tenant: str) -> None:
        self.running = threading.Event()
        code, body = call(source)
        parcel = pack(code.encode(), body.model_dump_json().encode())

        async def run() -> EngineReply:
            async with house.tenants.engine(tenant) as engine:
                return await engine.run("task", parcel, timeout, self.running.set)

        self.future: Future[EngineReply] = asyncio.run_coroutine_threadsafe(run(), house.loop)

    def reply(self) -> EngineReply:
        return self.future.result(90)


@contextmanager
def open_house(data: Path, isolation: Isolation) -> Iterator[House]:
    works, otherwise = WORKS[isolation]
    if not works():
        pytest.skip(otherwise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openbeam_endpoint.agent.supply._CALM_SECONDS", 0.0)
        patch.setattr("openbeam_endpoint.agent.tenants._LOOK_SECONDS", 0.2)
        patch.setattr("openbeam_endpoint.agent.supply._LOOK_SECONDS", 0.2)
        with closing(House(data, isolation)) as house:
            house.do(house.tenants.warm_up())
            yield house


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("files"), Isolation.bubblewrap) as house:
        yield house


@pytest.fixture(scope="module", params=[Isolation.bubblewrap, Isolation.docker], ids=str)
def walled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Return a house of every isolation with walls."""
    if request.param is Isolation.bubblewrap:
        yield request.getfixturevalue("house")
        return
    request.getfixturevalue("docker_engine")
    with open_house(tmp_path_factory.mktemp("files"), request.param) as house:
        yield house


def processes(engine: Engine) -> list[psutil.Process]:
    sandbox: Any = engine._launch._sandbox
    return psutil.Process(sandbox.pid).children(recursive=True)


def part(engine: Engine, name: str) -> psutil.Process:
    """Find a process of an engine by what it is."""
    commands: dict[psutil.Process, str] = {}
    parents: dict[psutil.Process, psutil.Process | None] = {}
    for process in processes(engine):
        # A child that had its task may go meanwhile.
        with suppress(psutil.NoSuchProcess):
            commands[process] = process.name() + " " + " ".join(process.cmdline())
            parents[process] = process.parent()
    mains = [process for process, command in commands.items() if "engine.main" in command and "bwrap" not in command]
    main = next(process for process in mains if parents[process] not in mains)
    forked = [process for process, command in commands.items() if "forkserver" in command]
    found = {
        "main": [main],
        "zygote": [process for process in mains if parents[process] == main],
        "interchange": [process for process, command in commands.items() if "interchange" in command],
        "manager": [process for process, command in commands.items() if "program process_w" in command],
        # The pool's own server comes first.
        "worker": sorted((process for process in forked if parents[process] in forked), key=psutil.Process.create_time),
    }
    return found[name][-1]


def alive(found: list[psutil.Process]) -> list[psutil.Process]:
    left = []
    for process in found:
        with suppress(psutil.NoSuchProcess):
            left += [process] if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else []
    return left


def value(reply: EngineReply) -> Any:
    assert reply.body is not None, reply.problem
    return CallResult.model_validate_json(reply.body).value


@pytest.mark.parametrize("name", ["main", "zygote", "interchange", "manager"])
def test_whatever_process_is_killed_its_task_may_be_tried_again_and_the_next_one_runs(house: House, name: str) -> None:
    house.await_spare()
    engine = house.serving(house.next_task())
    family = processes(engine)
    task = house.begin(NAP.format(60))
    assert task.running.wait(20)
    killed = time.monotonic()
    part(engine, name).kill()
    reply = house.next_task()
    seconds = time.monotonic() - killed
    print(f"next task after {seconds:.2f} s: {name} was killed")
    assert house.serving(reply) is not engine
    assert seconds < CAP
    problem = task.reply().problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("EngineFault", True)
    assert not engine.healthy
    assert soon(lambda: not alive(family), 10), alive(family)


def test_when_a_worker_is_killed_what_the_other_one_has_may_end_and_the_next_task_runs_elsewhere(house: House) -> None:
    house.await_spare()
    engine = house.serving(house.next_task())
    family = processes(engine)
    tasks = [house.begin(NAP.format(3)) for _ in range(2)]
    assert all(task.running.wait(20) for task in tasks)
    killed = time.monotonic()
    part(engine, "worker").kill()
    reply = house.next_task()
    seconds = time.monotonic() - killed
    print(f"next task after {seconds:.2f} s: worker was killed")
    assert house.serving(reply) is not engine
    assert seconds < CAP
    ends = [task.reply() for task in tasks]
    assert all(house.serving(end) is engine for end in ends)
    assert [value(end) for end in ends if end.body is not None] == ["rested"]
    (problem,) = [end.problem for end in ends if end.problem is not None]
    assert (problem.kind, problem.retry) == ("WorkerKilled", True)
    assert soon(lambda: not alive(family), 10), alive(family)


@pytest.mark.system
@pytest.mark.parametrize("name", HARM)
def test_whatever_a_task_does_the_next_one_runs(walled: House, name: str) -> None:
    walled.await_spare()
    problem = walled.ask(HARM[name], timeout=1.0 if name == "endless loop" else 30.0).problem
    ended = time.monotonic()
    assert problem is not None
    reply = walled.next_task()
    seconds = time.monotonic() - ended
    print(f"next task after {seconds:.2f} s: {name}, {walled.isolation} ({problem.kind}: {problem.message[:80]})")
    assert value(reply) == 1
    assert seconds < CAP


def test_after_a_timeout_the_engine_is_replaced_while_what_runs_in_it_ends(house: House) -> None:
    house.await_spare()
    long = house.begin(NAP.format(4))
    assert long.running.wait(20)
    late = house.ask(HARM["endless loop"], timeout=0.5)
    assert late.problem is not None
    assert late.problem.kind == "TimedOut"
    worn = house.serving(late)
    assert soon(lambda: house.serving(house.next_task()) is not worn, 20)
    assert value(long.reply()) == "rested"
    assert house.serving(long.reply()) is worn
    assert soon(lambda: not worn.healthy, 10)


@pytest.mark.parametrize(
    "name",
    [
        "manager",
        pytest.param("interchange", marks=pytest.mark.system),
        pytest.param("zygote", marks=pytest.mark.system),
    ],
)
def test_a_wedged_engine_is_noticed_by_its_canary_and_replaced(
    house: House, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    house.await_spare()
    engine = house.serving(house.next_task())
    family = processes(engine)
    monkeypatch.setattr("openbeam_endpoint.engines.runs._STANDSTILL", 2.0)
    monkeypatch.setattr("openbeam_endpoint.engines.handle._CANARY_SECONDS", 0.5)
    part(engine, name).send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    assert soon(lambda: not engine.healthy, 20)
    print(f"noticed after {time.monotonic() - stopped:.2f} s: {name} was stopped")
    assert house.serving(house.next_task()) is not engine
    assert soon(lambda: not alive(family), 10), alive(family)


def test_a_second_author_has_an_engine_at_once_and_not_the_first_ones(house: House) -> None:
    house.await_spare()
    mine = house.serving(house.next_task())
    began = time.monotonic()
    theirs = house.serving(house.next_task("another"))
    print(f"a second author's first result after {time.monotonic() - began:.2f} s")
    assert theirs is not mine
    assert house.serving(house.next_task("another")) is theirs
