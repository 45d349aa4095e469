"""Engines that are killed, closed or wedged: every task is answered, and no process stays behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from docker import from_env
from endpoint_lab import soon
from openbeam.errors import EngineFault
from openbeam.models import CallBody, Isolation, TaskProblem
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap, docker

SLEEP = "import time\ndef f():\n    time.sleep(120)"
ONE = "def f():\n    return 1"

MakeEngine = Callable[..., Engine]


@pytest.fixture
def make_engine(tmp_path: Path) -> Iterator[MakeEngine]:
    made: list[Engine] = []

    def make(isolation: Isolation, workers: int = 1) -> Engine:
        if isolation is Isolation.bubblewrap and not bubblewrap.works():
            pytest.skip("bubblewrap does not work here: user namespaces are forbidden")
        made.append(Engine(name=f"end-{len(made)}", data=tmp_path, workers=workers, isolation=isolation))
        made[-1].start()
        return made[-1]

    yield make
    for engine in made:
        engine.close()


class Pending:
    def __init__(self, engine: Engine, source: str, timeout: float = 60) -> None:
        self._replies: list[EngineReply] = []
        self._done = threading.Event()
        self.running = threading.Event()
        body = CallBody(name="demo", entrypoint="f", args=[], kwargs={}).model_dump_json().encode()
        engine.submit("task", pack(source.encode(), body), timeout, self._answer, self.running.set)

    def _answer(self, reply: EngineReply) -> None:
        self._replies.append(reply)
        self._done.set()

    def problem(self, seconds: float) -> TaskProblem:
        assert self._done.wait(seconds), "no answer"
        (reply,) = self._replies
        assert reply.problem is not None
        return reply.problem


_strangers: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def strangers() -> Iterator[None]:
    """Servers that other tests of this session keep are not this test's family, and what they start is not either."""
    _strangers.update(psutil.Process().children(recursive=True))
    yield
    _strangers.clear()


def family() -> list[psutil.Process]:
    mine = [child for child in psutil.Process().children() if child not in _strangers]
    return [process for child in mine for process in _line_of(child)]


def _line_of(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return [process]


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found += [process] if process.status() != psutil.STATUS_ZOMBIE and process.is_running() else []
    return found


def assert_gone(processes: list[psutil.Process], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while alive(processes) and time.monotonic() < end:
        time.sleep(0.02)
    assert alive(processes) == []


def part(name: str) -> psutil.Process:
    """Find a process of the only engine by what it is."""
    commands = {process: " ".join(process.cmdline()) for process in family() if process.name() != "bwrap"}
    engine = [process for process, command in commands.items() if "engine.main" in command and "minder" not in command]
    zygote = next(process for process in engine if process.parent() in engine)
    forked = [process for process, command in commands.items() if "forkserver" in command]
    return {
        "minder": lambda: next(process for process, command in commands.items() if "minder" in command),
        "main": zygote.parent,
        "zygote": lambda: zygote,
        "interchange": lambda: next(process for process, command in commands.items() if "interchange" in command),
        "manager": lambda: next(process for process, command in commands.items() if "program process_w" in command),
        # The pool's server comes first.
        "worker": lambda: [process for process in forked if process.parent() in forked][-1],
    }[name]()


@pytest.mark.parametrize("name", ["worker", "minder"])
def test_an_idle_process_that_is_killed_takes_an_engine_without_sandbox_along(
    make_engine: MakeEngine, name: str
) -> None:
    engine = make_engine(Isolation.none)
    processes = family()
    part(name).kill()
    assert_gone(processes)
    assert soon(lambda: not engine.healthy)


def test_an_engine_that_is_frozen_is_noticed(make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_endpoint.engines.handle._SILENCE", 3.0)
    engine = make_engine(Isolation.bubblewrap)
    processes = family()
    pending = Pending(engine, SLEEP)
    assert pending.running.wait(20)
    part("main").send_signal(signal.SIGSTOP)
    assert "no sign of life" in pending.problem(8).message
    assert_gone(processes)


def test_a_pool_that_starts_nothing_and_a_task_that_cannot_be_stopped_are_noticed(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_endpoint.engines.runs._STANDSTILL", 2.0)
    monkeypatch.setattr("openbeam_endpoint.engines.runs._GRACE", 1.0)
    engine = make_engine(Isolation.none, workers=2)
    late = Pending(engine, SLEEP, timeout=4)
    assert late.running.wait(20)
    part("zygote").send_signal(signal.SIGSTOP)
    stuck = Pending(engine, ONE)
    assert "starts no tasks" in stuck.problem(8).message
    assert late.problem(8).retry
    assert not engine.healthy


def test_a_fork_bomb_ends_with_its_task(make_engine: MakeEngine) -> None:
    engine = make_engine(Isolation.bubblewrap)
    processes = family()
    bomb = (
        "import os, time\ndef f():\n    for _ in range(1500):\n        os.fork() or time.sleep(60)\n    time.sleep(20)"
    )
    problem = Pending(engine, bomb).problem(40)
    # An ordinary user's processes are counted by the kernel, root's by the engine.
    assert problem.kind in {"FunctionRaised", "EngineFault"}
    engine.close()
    assert_gone(processes)


def test_closing_answers_what_runs_and_leaves_nothing(make_engine: MakeEngine) -> None:
    engine = make_engine(Isolation.none)
    processes = family()
    pending = Pending(engine, SLEEP)
    assert pending.running.wait(20)
    folders = [Path(word.split("=")[1]) for word in part("main").cmdline() if word.startswith("--scratch=")]
    engine.close()
    engine.close()
    assert pending.problem(1).retry
    assert_gone(processes)
    assert [folder for folder in folders if folder.exists()] == []


def test_a_sandbox_that_cannot_start_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    before = family()
    engine = Engine(name="nowhere", data=tmp_path / "missing", workers=1, isolation=Isolation.bubblewrap)
    with pytest.raises(EngineFault, match="missing"):
        engine.start(timeout=20)
    assert not engine.healthy
    assert family() == before


AGENT = """
import sys, threading, time
from pathlib import Path
import psutil
from openbeam.models import CallBody, Isolation
from openbeam_endpoint.engines import Engine
from openbeam_endpoint.parcel import pack

SOURCE = '''
import os, time
def f():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(120)
        os._exit(0)
    time.sleep(120)
'''
engine = Engine(name="doomed", data=Path(sys.argv[1]), workers=1, isolation=Isolation(sys.argv[2]))
# In a thread that ends, as an agent's does.
starter = threading.Thread(target=engine.start)
starter.start()
starter.join()
running = threading.Event()
body = CallBody(name="demo", entrypoint="f", args=[], kwargs={}).model_dump_json().encode()
engine.submit("task", pack(SOURCE.encode(), body), 120, print, running.set)
running.wait()
time.sleep(0.5)
print("below:", *(process.pid for process in psutil.Process().children(recursive=True)), flush=True)
time.sleep(120)
"""


@pytest.fixture
def folders() -> Iterator[Path]:
    """A temporary folder with a short path, as an agent's usually is."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        yield Path(name)


@pytest.fixture
def doomed(
    tmp_path: Path, folders: Path
) -> Iterator[Callable[[Isolation], tuple[subprocess.Popen[str], list[psutil.Process]]]]:
    """An agent in a process of its own that runs a task, and the processes below it."""
    started: list[subprocess.Popen[str]] = []

    def start(isolation: Isolation) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
        env = {"TMPDIR": str(folders), "PATH": "/usr/bin:/bin", "DOCKER_HOST": os.environ.get("DOCKER_HOST", "")}
        command = [sys.executable, "-c", AGENT, str(tmp_path), isolation]
        agent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
        started.append(agent)
        assert agent.stdout is not None
        # The first lines are the log's.
        line = next(line for line in agent.stdout if line.startswith("below:"))
        processes = []
        for pid in line.split()[1:]:
            with suppress(psutil.NoSuchProcess):
                processes.append(psutil.Process(int(pid)))
        return agent, processes

    yield start
    for agent in started:
        agent.kill()
        agent.wait()
        assert agent.stdout is not None
        agent.stdout.close()


@pytest.mark.parametrize("isolation", [Isolation.bubblewrap, Isolation.none], ids=str)
def test_when_the_agent_is_killed_everything_goes(doomed: Any, folders: Path, isolation: Isolation) -> None:
    if isolation is Isolation.bubblewrap and not bubblewrap.works():
        pytest.skip("bubblewrap does not work here: user namespaces are forbidden")
    agent, processes = doomed(isolation)
    assert len(processes) > 8
    agent.kill()
    assert_gone(processes)
    assert list(folders.iterdir()) == []


@pytest.mark.system
@pytest.mark.usefixtures("docker_engine")
def test_when_the_agent_is_killed_its_container_goes(doomed: Any, folders: Path) -> None:
    assert docker.works()
    agent, _ = doomed(Isolation.docker)

    def containers() -> list[Any]:
        return from_env().containers.list(all=True, ignore_removed=True, filters={"label": f"{docker.LABEL}=doomed"})

    assert len(containers()) == 1
    agent.kill()
    end = time.monotonic() + 10
    while containers() and time.monotonic() < end:
        time.sleep(0.1)
    assert containers() == []
    assert list(folders.iterdir()) == []
