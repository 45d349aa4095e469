"""A running engine, in every isolation that works here: how a task is bounded and stopped."""

from __future__ import annotations

import json
import time

import pytest
from endpoint_lab import CPU_SECONDS, Lab, call, processes_named, soon


def test_a_task_is_stopped_at_its_limit_and_the_next_one_runs(lab: Lab) -> None:
    began = time.monotonic()
    problem = lab.problem("def f():\n    while True:\n        pass", timeout=1.0)
    assert time.monotonic() - began < 9.0  # by the worker: the agent would wait for ten seconds more
    assert (problem.kind, problem.details["seconds"], problem.retry) == ("TimedOut", 1.0, False)
    assert lab.value("def f():\n    return 1") == 1


BURN = """
import os, subprocess, sys, threading
def burn():
    while True:
        pass
def f(how):
    for _ in range(4):
        if how == "forks" and os.fork() == 0:
            burn()
        elif how == "programs":
            subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
    burn()
"""


@pytest.mark.parametrize("how", ["forks", "programs"])
def test_a_task_with_many_processes_is_stopped_when_together_they_used_its_time(lab: Lab, how: str) -> None:
    problem = lab.problem(BURN, how, timeout=50.0)
    assert (problem.kind, problem.details["seconds"], problem.retry) == ("CpuUsedUp", CPU_SECONDS, False)
    assert f"together used {CPU_SECONDS} seconds" in problem.message
    assert soon(lambda: lab.value("import os\ndef f():\n    return 1") == 1)


def test_the_time_of_processes_that_a_task_waited_for_counts(lab: Lab) -> None:
    source = """
import subprocess, sys
def f():
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.5: pass"], check=True)
"""
    reply = lab.run(call(source))
    assert reply.problem is None, reply.problem
    assert json.loads(reply.body or b"")["seconds"] >= 0.5


def test_a_process_that_leaves_its_family_is_ended_while_the_task_still_runs(lab: Lab) -> None:
    source = """
import os, subprocess, time
def f():
    subprocess.run("sleep 77 & echo $! > pid", shell=True, check=True)
    pid = int(open("pid").read())
    for _ in range(500):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return "ended"
        time.sleep(0.02)
    return "still there"
"""
    assert lab.value(source) == "ended"


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
