"""A running engine, in every isolation that works here: what comes back, and what does not get out."""

import importlib.util
import json
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import hist
import numpy as np
import psutil
import pytest
import uproot
from openbeam.histograms import from_uhi
from openbeam.models import (
    MAX_RESULT,
    CallBody,
    CallResult,
    ChunkBody,
    ChunkResult,
    InspectBody,
    InspectResult,
    Isolation,
    Layout,
    TaskProblem,
    file_name,
)
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap, docker

pytestmark = pytest.mark.xdist_group("engine")

EVENTS = 1_000
SECRET = "nobody-may-read-this"


ISOLATIONS = [Isolation.bubblewrap, Isolation.none, pytest.param(Isolation.docker, marks=pytest.mark.system)]
WORKS = {
    Isolation.bubblewrap: (bubblewrap.works, "bubblewrap does not work here: user namespaces are forbidden"),
    Isolation.docker: (
        docker.works,
        "no Docker answers here: start one, and set DOCKER_HOST unless it is the usual one",
    ),
    Isolation.none: (lambda: True, ""),
}


@pytest.fixture(scope="module", params=ISOLATIONS, ids=str)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator["Lab"]:
    works, otherwise = WORKS[request.param]
    if not works():
        pytest.skip(otherwise)
    lab = Lab(tmp_path_factory.mktemp("lab"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBEAM_TEST_SECRET", SECRET)
        lab.engine.start()
        yield lab
    lab.engine.close()


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
        self.engine = Engine(name=f"lab-{isolation}", data=data, workers=2, isolation=isolation)

    def run(self, body: Any, timeout: float = 30, task_id: str = "task") -> EngineReply:
        return self.begin(body, timeout, task_id)()

    def begin(self, body: Any, timeout: float = 30, task_id: str = "task") -> "Pending":
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


# ---------------------------------------------------------------------------------------------------- calls
def test_a_function_is_called_with_what_was_given(lab: Lab) -> None:
    assert lab.value("def f(a, b=0, *, c=0):\n    return {'sum': a + b + c, 'list': [1.5, None, 'ü']}", 1, c=2) == {
        "sum": 3,
        "list": [1.5, None, "ü"],
    }


def test_many_tasks_at_once_each_get_their_own_answer(lab: Lab) -> None:
    pending = [lab.begin(call("def f(i):\n    return i * i", i), task_id=str(i)) for i in range(20)]
    assert [json.loads(wait().body or b"")["value"] for wait in pending] == [i * i for i in range(20)]
    assert all(wait.running.is_set() for wait in pending)
    assert lab.engine.busy == 0


def test_state_does_not_outlive_a_task(lab: Lab) -> None:
    source = "import json, os\ndef f():\n    seen = hasattr(json, 'mark'), os.listdir()\n    json.mark = 1\n"
    source += "    open('left', 'w').close()\n    return seen"
    assert [lab.value(source) for _ in range(3)] == [[False, []]] * 3


def test_a_function_may_log_and_import_what_is_installed(lab: Lab) -> None:
    source = "import logging, sys\ndef f():\n    logging.basicConfig(level='INFO')\n    logging.info('seen')\n"
    problem = lab.problem(source + "    assert sys.modules.get('sqlalchemy', 1) is not None\n    raise ValueError")
    assert problem.details["type"] == "ValueError"
    assert "INFO:root:seen" in problem.details["output"]


def test_two_tasks_do_not_share_random_numbers(lab: Lab) -> None:
    source = "import numpy as np\ndef f():\n    return float(np.random.uniform())"
    assert len({lab.value(source) for _ in range(3)}) == 3


def test_pydantic_models_and_dataclasses_of_a_module_work(lab: Lab) -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass
from pydantic import BaseModel
@dataclass
class Point:
    x: int
class Cut(BaseModel):
    points: list[Point]
def f():
    return Cut(points=[{"x": 1}]).model_dump()
"""
    assert lab.value(source) == {"points": [{"x": 1}]}


# ---------------------------------------------------------------------------------------------------- errors
def test_an_exception_says_which_line_of_the_author(lab: Lab) -> None:
    source = (
        "import json\n\ndef g(text):\n    return json.loads(text)\n\ndef f():\n    print('so far')\n    return g('{')\n"
    )
    problem = lab.problem(source)
    assert problem.kind == "FunctionRaised"
    assert not problem.retry
    assert problem.details["type"] == "JSONDecodeError"
    assert problem.details["line"] == 4
    assert problem.details["code"] == "return json.loads(text)"
    assert problem.details["output"] == "so far\n"
    assert "demo.py" in problem.details["traceback"]
    assert "site-packages" not in problem.details["traceback"]
    assert "json/" not in problem.details["traceback"]
    assert "line 4 of demo.py" in problem.message


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        ("def f():\n    return (1 +\n", "SyntaxError", 2),
        ("x = 1\ny = x / 0\ndef f(): pass", "ZeroDivisionError", 2),
        ("def g(): pass", "NameError", 1),
        ("\n\ndef f(needed):\n    return needed", "TypeError", 3),
        ("def f():\n    raise SystemExit(3)", "SystemExit", 2),
        ("def f():\n    return f()", "RecursionError", 2),
        (
            "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\ndef f():\n    raise Odd",
            "Odd",
            5,
        ),
        ("def f():\n    return '\\ud800'.encode()", "UnicodeEncodeError", 2),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_whatever_is_wrong_with_a_function_has_a_line(lab: Lab, source: str, kind: str, line: int) -> None:
    problem = lab.problem(source)
    assert (problem.kind, problem.details["type"], problem.details["line"]) == ("FunctionRaised", kind, line)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("object()", "object of type object"),
        ("float('nan')", "JSON"),
        ("{1, 2}", "object of type set"),
        ("__import__('numpy').arange(3)", "tolist"),
        ("(lambda a: a.append(a) or a)([])", "JSON"),
        (f"'x' * {MAX_RESULT}", "limit"),
        ("type('E', (), {'__reduce__': lambda self: (__import__('os').system, ('touch /tmp/pwned',))})()", "type E"),
    ],
)
def test_what_is_not_json_does_not_travel(lab: Lab, expression: str, says: str) -> None:
    problem = lab.problem(f"def f():\n    return {expression}")
    assert problem.kind == "ResultRefused"
    assert says in problem.message
    assert not Path("/tmp/pwned").exists()


def test_a_function_cannot_forge_an_answer_that_is_not_one(lab: Lab) -> None:
    problem = lab.problem(
        "import os\ndef f():\n    [os.write(n, b'\\xff' * 64) for n in range(3, 9) if ok(n)]\n"
        "def ok(n):\n    try:\n        return os.fstat(n)\n    except OSError:\n        return None"
    )
    assert problem.kind in {"ResultRefused", "FunctionRaised"}
    assert lab.value("def f():\n    return 1") == 1


# ---------------------------------------------------------------------------------------------------- limits
def test_a_task_is_stopped_at_its_limit_and_the_next_one_runs(lab: Lab) -> None:
    began = time.monotonic()
    problem = lab.problem("def f():\n    while True:\n        pass", timeout=1.0)
    assert time.monotonic() - began < 2.0
    assert (problem.kind, problem.details["seconds"], problem.retry) == ("TimedOut", 1.0, False)
    assert lab.value("def f():\n    return 1") == 1


@pytest.mark.parametrize(
    "bomb",
    ["bytearray(64 << 30)", "[__import__('numpy').zeros(1 << 26) for _ in range(99)]"],
)
def test_a_task_that_wants_all_memory_is_stopped_and_the_next_one_runs(lab: Lab, bomb: str) -> None:
    problem = lab.problem(f"def f():\n    x = 1\n    return len({bomb})")
    assert (problem.kind, problem.details["line"], problem.retry) == ("WorkerKilled", 3, False)
    assert "memory" in problem.message
    assert lab.value("def f():\n    return 1") == 1


@pytest.mark.parametrize(("number", "retry"), [(9, True), (11, False)])
def test_a_killed_task_says_by_what(lab: Lab, number: int, retry: bool) -> None:
    problem = lab.problem(f"import os\ndef f():\n    os.kill(os.getpid(), {number})")
    assert (problem.kind, problem.details["signal"], problem.retry) == ("WorkerKilled", number, retry)


def test_a_function_that_ends_its_process_is_told_so(lab: Lab) -> None:
    problem = lab.problem("import os\ndef f():\n    os._exit(0)")
    assert (problem.kind, problem.details["status"]) == ("WorkerKilled", 0)


def test_endless_output_is_read_and_only_its_end_kept(lab: Lab) -> None:
    problem = lab.problem(
        "import os\ndef f():\n    for i in range(300_000):\n        print(i)\n"
        "    os.system('echo sub')\n    raise ValueError"
    )
    assert problem.details["output"].endswith("299999\nsub\n")
    assert len(problem.details["output"]) <= 8192


def test_files_without_end_are_stopped(lab: Lab) -> None:
    source = (
        "def f():\n    with open('big', 'wb') as file:\n        while True:\n            file.write(bytes(1 << 24))"
    )
    problem = lab.problem(source)
    assert problem.kind in {"FunctionRaised", "WorkerKilled"}
    assert lab.value("import os\ndef f():\n    return os.listdir()") == []


def test_nothing_that_a_task_started_outlives_it(lab: Lab) -> None:
    mark = f"{600 + time.time() % 1}"
    source = f"""
import os, subprocess
def f():
    subprocess.Popen(["sleep", "{mark}"])
    subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
    os.system("sleep {mark} &")
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execvp("sleep", ["sleep", "{mark}"])
        os._exit(0)
    return True
"""
    assert lab.value(source)
    assert soon(lambda: not processes_named(mark))
    assert lab.value("def f():\n    return 1") == 1


def test_a_cancelled_task_is_killed_and_one_that_waits_never_starts(lab: Lab) -> None:
    sleepers = [lab.begin(call("import time\ndef f():\n    time.sleep(60)"), 60, f"s{i}") for i in range(2)]
    assert all(sleeper.running.wait(10) for sleeper in sleepers)
    waiting = lab.begin(call("def f():\n    return 1"), 60, "waiting")
    for name in ("waiting", "s0", "s1", "unknown"):
        lab.engine.cancel(name)
    began = time.monotonic()
    kinds = [pending().problem for pending in (*sleepers, waiting)]
    assert time.monotonic() - began < 2.0
    assert [problem and (problem.kind, problem.retry) for problem in kinds] == [("TaskCancelled", False)] * 3
    assert not waiting.running.is_set()
    assert lab.value("def f():\n    return 1") == 1


def test_the_same_task_may_come_again_after_it_was_cancelled(lab: Lab) -> None:
    first = lab.begin(call("import time\ndef f():\n    time.sleep(60)"), 60, "again")
    assert first.running.wait(10)
    lab.engine.cancel("again")
    second = lab.begin(call("def f():\n    return 2"), 60, "again")
    assert (first().problem or second().problem).kind == "TaskCancelled"  # type: ignore[union-attr]
    assert json.loads(second().body or b"")["value"] == 2


# ---------------------------------------------------------------------------------------------------- chunks
ANALYSIS = """
import hist
from pydantic import BaseModel, Field

class Params(BaseModel):
    low: float = Field(default=85, ge=0)

def analyze(events, params):
    axis = hist.axis.Regular(20, 80, 100, name="mass", label="Mass [GeV]")
    mass = events.mass[events.mass >= params.low]
    return {"mass": hist.Hist(axis).fill(mass)}
"""


def test_a_chunk_is_read_and_filled(lab: Lab) -> None:
    reply = lab.chunk(ANALYSIS, 100, 900, low=90)
    result = ChunkResult.model_validate_json(reply.body or b"")
    mass = np.linspace(80, 100, EVENTS)[100:900]
    expected = hist.Hist.new.Reg(20, 80, 100, name="mass", label="Mass [GeV]").Double().fill(mass[mass >= 90])
    assert result.events == 800
    assert 0 < result.seconds < 5
    assert from_uhi(result.histograms["mass"]) == expected


def test_an_analysis_without_params_gets_them_as_they_are(lab: Lab) -> None:
    source = "import hist\ndef analyze(events, params):\n"
    source += "    return {params.name: hist.Hist.new.Reg(2, 0, 200).Double().fill(events.mass)}"
    result = ChunkResult.model_validate_json(lab.chunk(source, name="m").body or b"")
    assert from_uhi(result.histograms["m"]).sum() == EVENTS


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("def analyze(events, params):\n    return {'n': len(events)}", "ResultRefused", "n: int"),
        ("def analyze(events, params):\n    return None", "ResultRefused", "None"),
        (ANALYSIS.replace('"mass": hist', "1: hist"), "ResultRefused", "name"),
        (ANALYSIS.replace("Regular(20,", "Regular(10**6,"), "ResultRefused", "bins"),
        (ANALYSIS.replace("Hist(axis)", "Hist(axis, storage=hist.storage.Weight())").replace(
            ".fill(mass)", ".fill(mass, weight=float('nan'))"), "ResultRefused", "NaN"),
        (ANALYSIS.replace("events.mass[", "events.mas["), "FunctionRaised", "line 10"),
        (ANALYSIS.replace("default=85", "default=85, le=1"), "FunctionRaised", "line 5"),
    ],
)  # fmt: skip
def test_a_chunk_without_histograms_says_why(lab: Lab, source: str, kind: str, says: str) -> None:
    problem = lab.chunk(source, low=85).problem if "Params" in source else lab.chunk(source).problem
    assert problem is not None
    assert problem.kind == kind
    assert says in problem.message


def test_a_range_or_tree_that_is_not_there_is_told(lab: Lab) -> None:
    over = lab.chunk(ANALYSIS, 0, EVENTS + 1).problem
    assert over is not None
    assert over.kind == "DataUnavailable"
    tree = lab.run(InspectBody(tree="event", **lab.file)).problem
    assert tree is not None
    assert (tree.kind, tree.details["nearest"], tree.retry) == ("DataUnavailable", ["events"], False)
    gone = lab.run(InspectBody(tree="events", file="adler32:00000000", size=7)).problem
    assert gone is not None
    assert (gone.kind, gone.retry) == ("DataUnavailable", True)


def test_a_file_is_inspected(lab: Lab) -> None:
    facts = InspectResult.model_validate_json(lab.run(InspectBody(tree="events", **lab.file)).body or b"")
    assert (facts.entries, facts.offsets, facts.columns) == (EVENTS, [0, EVENTS], ["mass"])


def test_a_body_that_is_no_task_is_a_fault_of_the_endpoint(lab: Lab) -> None:
    problem = Pending(lab.engine, b'{"kind": "dance"}', 10, "x")().problem
    assert problem is not None
    assert problem.kind == "EngineFault"


def test_a_body_over_the_limit_is_answered(lab: Lab) -> None:
    problem = Pending(lab.engine, b"x" * (17 << 20), 10, "x")().problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("EngineFault", False)


# ---------------------------------------------------------------------------------------------------- isolation
def test_a_task_sees_nothing_of_the_agents_environment(lab: Lab) -> None:
    seen = lab.value("import os\ndef f():\n    return dict(os.environ)")
    assert SECRET not in json.dumps(seen)
    assert not [name for name in seen if name.startswith("OPENBEAM")]


@pytest.fixture
def walled(lab: Lab) -> Lab:
    if lab.isolation is Isolation.none:
        pytest.skip("isolation none hides nothing")
    return lab


def test_a_task_sees_no_secret_and_no_process_of_this_machine(walled: Lab) -> None:
    source = """
import os
def f(paths, homes):
    return [path for path in paths if os.path.exists(path)], [
        os.path.join(home, name) for home in homes if os.path.isdir(home) for name in os.listdir(home)
    ], os.listdir("/engine/data"), len([pid for pid in os.listdir("/proc") if pid.isdigit()])
"""
    paths = [str(walled.secret), str(walled.path), "/etc/shadow", "/etc/passwd", "/run/docker.sock"]
    homes = ["/", "/root", "/home", "/var", "/run", "/etc", str(Path.home()), str(Path.cwd())]
    found, seen, files, processes = walled.value(source, paths, homes)
    assert found == []
    # Folders on the way to this environment have to be there, with nothing else in them.
    assert set(seen) <= SYSTEM | environment_here() | (DOCKERS_OWN if walled.isolation is Isolation.docker else set())
    assert files == [walled.path.name]
    assert processes < 20


SYSTEM = {
    *("/bin", "/dev", "/engine", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/proc", "/sbin", "/tmp", "/usr"),
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime"),
}
DOCKERS_OWN = {"/.dockerenv", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"}


def environment_here() -> set[str]:
    found = [importlib.util.find_spec(name) for name in ("openbeam", "openbeam_datasets", "openbeam_endpoint")]
    packages = [place for spec in found if spec for place in spec.submodule_search_locations or ()]
    folders = [Path(place) for place in (sys.prefix, sys.base_prefix, *packages)]
    return {str(place) for folder in folders for place in (folder, *folder.parents)}


def test_a_task_can_write_nowhere_but_its_own_folder(walled: Lab) -> None:
    name = walled.path.name
    source = f"""
import os, sys
def f():
    done = []
    for path in ("", "engine", "engine/data", "engine/agent", "usr", "dev", "etc", sys.prefix, "engine/data/{name}"):
        place = os.path.join("/", path)
        try:
            open(os.path.join(place, "x") if os.path.isdir(place) else place, "ab").close()
            done.append(path)
        except OSError:
            pass
    return done
"""
    assert walled.value(source) == []
    assert walled.path.stat().st_size == walled.file["size"]


def test_a_task_has_no_network(walled: Lab) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        source = f"""
import socket
def f():
    names = [name for _, name in socket.if_nameindex()]
    try:
        socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 2)
        return names, "connected"
    except OSError as error:
        return names, type(error).__name__
"""
        assert walled.value(source) == [["lo"], "ConnectionRefusedError"]


def test_a_task_has_no_rights_to_build_on(walled: Lab) -> None:
    source = """
import os, subprocess
def f():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
    nested = subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode
    return int(status["CapEff"], 16), int(status["NoNewPrivs"]), nested != 0, os.getuid()
"""
    assert walled.value(source) == [0, 1, True, 65534]


def test_the_temporary_folder_is_bounded(walled: Lab) -> None:
    source = """
import errno
def f():
    try:
        for i in range(100):
            with open(f"{i}", "wb") as file:
                for _ in range(4):
                    file.write(bytes(1 << 24))
    except OSError as error:
        return errno.errorcode[error.errno]
"""
    assert walled.value(source) == "ENOSPC"
    assert walled.value("def f():\n    return 1") == 1
