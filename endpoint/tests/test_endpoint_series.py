"""Tasks of one series, in a running engine: they may share a process, and meet nothing of each other in it."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openbeam.models import CallBody, CallResult, Isolation
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap

PID = "import os\ndef f():\n    return os.getpid()"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    isolation = Isolation.bubblewrap if bubblewrap.works() else Isolation.none
    # One worker: what follows on what is certain.
    engine = Engine(name="series", data=tmp_path_factory.mktemp("files"), workers=1, isolation=isolation, cpu=2)
    engine.start()
    yield engine
    engine.close()


class Call:
    """A call under way."""

    def __init__(self, engine: Engine, source: str, series: str = "a", *, timeout: float = 30, task: str = "t") -> None:
        self.running = threading.Event()
        self._done = threading.Event()
        self._replies: list[EngineReply] = []
        body = CallBody(name="demo", entrypoint="f", args=[], kwargs={}).model_dump_json().encode()
        engine.submit(task, pack(source.encode(), body), timeout, self._answer, self.running.set, series)

    def _answer(self, reply: EngineReply) -> None:
        self._replies.append(reply)
        self._done.set()

    def reply(self) -> EngineReply:
        assert self._done.wait(60)
        return self._replies[0]

    def value(self) -> Any:
        reply = self.reply()
        assert reply.body is not None, reply.problem
        return CallResult.model_validate_json(reply.body).value


@pytest.fixture
def call(engine: Engine) -> Callable[..., Any]:
    return lambda source, series="a": Call(engine, source, series).value()


def test_calls_of_a_series_share_a_process_and_others_do_not(call: Callable[..., Any]) -> None:
    first, again = call(PID), call(PID)
    assert first == again
    assert call(PID, "b") != first
    assert len({call(PID, ""), call(PID, "")}) == 2


def test_a_call_finds_no_file_variable_or_output_of_the_one_before(engine: Engine, call: Callable[..., Any]) -> None:
    leave = (
        "import os, sys\nkept = []\n"
        "def f():\n    kept.append(1)\n    open('note', 'w').write('x')\n    print('mine')\n    os.chdir('/')\n"
        "    sys.stdout = None\n    return os.getpid(), len(kept)"
    )
    pid, _ = call(leave)
    find = "import os\nkept = []\ndef f():\n    print('yours')\n    return os.getpid(), os.listdir('.'), len(kept)"
    reply = Call(engine, find).reply()
    assert reply.body is not None
    assert CallResult.model_validate_json(reply.body).value == [pid, [], 0]
    assert reply.printed is not None
    assert base64.b64decode(reply.printed.stdout) == b"yours\n"
    assert call(leave) == [pid, 1]


@pytest.mark.parametrize(
    "left",
    [
        "import threading, time\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "import subprocess\n    subprocess.Popen(['/bin/sleep', '60'])",
        "import builtins\n    builtins.hoard = bytearray(100 * 1024**2)",
        "import shutil\n    shutil.rmtree(os.getcwd())",
    ],
    ids=["thread", "process", "memory", "no home"],
)
def test_who_leaves_something_behind_is_not_followed(call: Callable[..., Any], left: str) -> None:
    first = call(f"import os\ndef f():\n    {left}\n    return os.getpid()")
    assert call(PID) != first


def test_after_a_problem_the_next_call_has_a_process_of_its_own(engine: Engine, call: Callable[..., Any]) -> None:
    first = call(PID)
    raised = Call(engine, "def f():\n    raise ValueError('no')").reply()
    assert raised.problem is not None
    assert raised.problem.kind == "FunctionRaised"
    assert call(PID) != first


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("import os\ndef f():\n    os._exit(75)", "WorkerKilled"),
        ("import os\ndef f():\n    os.kill(os.getpid(), 11)", "WorkerKilled"),
        ("def f():\n    while True: pass", "TimedOut"),
    ],
)
def test_a_later_call_may_die_like_a_first_one(
    engine: Engine, call: Callable[..., Any], source: str, kind: str
) -> None:
    call(PID)
    reply = Call(engine, source, timeout=1).reply()
    assert reply.problem is not None
    assert reply.problem.kind == kind
    assert isinstance(call(PID), int)


def test_a_call_that_follows_can_be_stopped(engine: Engine, call: Callable[..., Any]) -> None:
    call(PID)
    endless = Call(engine, "def f():\n    while True: pass", task="endless")
    assert endless.running.wait(10)
    engine.cancel("endless")
    reply = endless.reply()
    assert reply.problem is not None
    assert reply.problem.kind == "TaskCancelled"
    assert isinstance(call(PID), int)


def test_who_waits_in_vain_goes_and_the_next_call_does_not_notice(call: Callable[..., Any]) -> None:
    first = call(PID)
    time.sleep(3)
    second = call(PID)
    assert second != first
    assert call(PID) == second


def test_each_call_has_the_cpu_time_of_its_own(call: Callable[..., Any]) -> None:
    source = (
        "import os, time\ndef f():\n    end = time.process_time() + 0.9\n    while time.process_time() < end: pass\n"
    )
    # Together they use more than one may.
    assert len({call(source + "    return os.getpid()") for _ in range(4)}) == 1


def test_random_numbers_differ_from_call_to_call(call: Callable[..., Any]) -> None:
    source = "import numpy as np\ndef f():\n    return float(np.random.uniform())"
    assert len({call(source) for _ in range(5)}) == 5
