"""Calls and runs in the started stack: an endless loop is really dead when it is cancelled, and output is kept."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import psutil
import pytest
from openbeam import Client
from openbeam.errors import FunctionRaised, RunFailed, TaskCancelled, WorkerKilled
from openbeam.models import FunctionKind, FunctionSpec
from openbeam.states import RunState, TaskState
from support.stack import Stack

ENDLESS = """\
import os


def endless(mark):
    if os.fork() == 0:
        os.setsid()
        os.execvp("sleep", ["sleep", mark])
    while True:
        pass
"""
ENDLESS_ANALYSIS = (
    ENDLESS
    + """

def analyze(events, params):
    endless(MARK)
"""
)
MARK = str(86_400 + uuid.uuid4().int % 10**9)
SPEAK = """\
import sys


def speak(fail):
    print("words")
    print("oops", file=sys.stderr)
    return 1 / fail
"""
SHORT = "import time\n\n\ndef short(seconds):\n    time.sleep(seconds)\n    return seconds\n"


def until(fact: Callable[[], object], seconds: float = 20) -> float:
    began = time.monotonic()
    while not fact():
        assert time.monotonic() - began < seconds, f"it did not become so within {seconds} s"
        time.sleep(0.01)
    return time.monotonic() - began


def sleepers(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.cmdline() == ["sleep", mark]:
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.fixture(scope="module")
def functions(stack: Stack) -> dict[str, str]:
    with stack.client() as client:
        specs = {
            "endless": FunctionSpec(name="endless", source=ENDLESS, entrypoint="endless"),
            "short": FunctionSpec(name="short", source=SHORT, entrypoint="short"),
            "analysis": FunctionSpec(
                name="endless_muons",
                kind=FunctionKind.analysis,
                source=ENDLESS_ANALYSIS.replace("MARK", repr(MARK)),
                entrypoint="analyze",
            ),
        }
        return {name: client.publish_function(spec).id for name, spec in specs.items()}


def test_an_endless_loop_is_dead_and_its_neighbour_goes_on(operator: Client, functions: dict[str, str]) -> None:
    mark = f"{MARK}.5"
    endless = operator.run(mark, function_id=functions["endless"])
    neighbour = operator.run(3.0, function_id=functions["short"])
    until(lambda: sleepers(mark))
    until(lambda: operator.get_task(neighbour).state is TaskState.running)
    loop = sleepers(mark)[0].ppid()
    assert operator.cancel(endless).state is TaskState.cancelled
    seconds = until(lambda: not psutil.pid_exists(loop) and not sleepers(mark))
    print(f"cancel to kill: {seconds * 1000:.0f} ms")
    with pytest.raises(TaskCancelled, match="cancelled the task"):
        operator.get_result(endless)
    assert operator.get_result(neighbour) == 3.0
    assert operator.get_task(neighbour).attempts == 1


def test_a_run_is_dead_and_the_command_line_says_so(stack: Stack, operator: Client, functions: dict[str, str]) -> None:
    run = operator.submit_run(functions["analysis"], "cms-2010-zmumu", fresh=True)
    until(lambda: sleepers(MARK))
    loop = sleepers(MARK)[0].ppid()
    done = stack.run_tool("openbeam", "cancel", run.id)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{run.id}\tcancelled\t0 of 2,304 events, 2,304 cancelled\n"
    print(f"cancel to kill, with the command line's end: {until(lambda: not psutil.pid_exists(loop)) * 1000:.0f} ms")
    with pytest.raises(RunFailed, match="was cancelled"):
        run.wait(10)
    assert run.state is RunState.cancelled
    assert operator.get_result(operator.run(0.0, function_id=functions["short"])) == 0.0


def test_a_function_that_kills_its_workers_fails_and_says_where(operator: Client) -> None:
    source = "import os\n\n\ndef fatal():\n    print('going', flush=True)\n    os.kill(os.getpid(), 9)\n"
    function = operator.publish_function(FunctionSpec(name="fatal", source=source, entrypoint="fatal")).id
    task = operator.run(function_id=function)
    with pytest.raises(WorkerKilled) as caught:
        operator.get_result(task)
    error, attempts = caught.value, operator.get_task(task).attempts
    # The same worker may have had it each time; then the third try is the last.
    places = error.details.get("places", [])
    assert (attempts, len(places)) in {(2, 2), (3, 2), (3, 0)}
    assert all(place.startswith("worker ") and " of engine " in place for place in places)
    assert "SIGKILL" in error.message
    assert error.output == "going\n"


def test_what_a_call_printed_is_kept_with_it(stack: Stack, operator: Client) -> None:
    function = operator.publish_function(FunctionSpec(name="speak", source=SPEAK, entrypoint="speak")).id
    good, bad = (operator.run(fail, function_id=function) for fail in (1, 0))
    assert operator.get_result(good) == 1.0
    with pytest.raises(FunctionRaised) as caught:
        operator.get_result(bad)
    assert (caught.value.type, caught.value.original, caught.value.line) == ("ZeroDivisionError", "division by zero", 7)
    for task in (good, bad):
        printed = operator.get_output(task)
        assert (printed.stdout, printed.stderr) == ("words\n", "oops\n")
    done = stack.run_tool("openbeam", "output", bad)
    assert (done.returncode, done.stdout, done.stderr) == (0, "words\n", "oops\n")
