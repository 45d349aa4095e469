"""``openbeam.Executor`` on the started stack: a true executor, whatever happens to the service or to the program."""

from __future__ import annotations

import functools
import re
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from concurrent import futures
from pathlib import Path

import pytest
from openbeam import Client, Executor
from openbeam.errors import FunctionRaised, InvalidInput, TooLarge, UnknownFunction, UnknownTask
from support.stack import Stack


def double(x: int, y: int = 0) -> int:
    return 2 * x + y


def slowly(seconds: float, value: object) -> object:
    import time

    time.sleep(seconds)
    return value


def half(x: int) -> int:
    if x % 2:
        raise ValueError(f"{x} is odd")
    return x // 2


@pytest.fixture
def pool(operator: Client) -> Iterator[Executor]:
    with Executor("local", operator) as made:
        yield made


def test_futures_are_genuine(pool: Executor) -> None:
    assert isinstance(pool, futures.Executor)
    future = pool.submit(double, 20, y=2)
    assert isinstance(future, futures.Future)
    assert futures.wait([future], timeout=60).done == {future}
    assert future.result() == 42
    assert future.done()
    assert not future.cancel()
    heard: list[int] = []
    future.add_done_callback(lambda ended: heard.append(ended.result()))
    assert heard == [42]


def test_a_future_knows_its_task(pool: Executor, operator: Client) -> None:
    future = pool.submit(double, 3)
    assert future.task_id is not None
    assert operator.get_result(future.task_id) == future.result(60) == 6
    (standing,) = operator.task_states([future.task_id])
    assert (standing.group, standing.state) == (pool.group, "success")


def test_map_keeps_the_order_and_chunks(pool: Executor) -> None:
    numbers = list(range(300))
    assert list(pool.map(double, numbers, timeout=100)) == [2 * x for x in numbers]
    assert list(pool.map(double, numbers, numbers, chunksize=64, timeout=100)) == [3 * x for x in numbers]
    assert list(pool.map(double, [])) == []
    with pytest.raises(ValueError, match="chunksize"):
        pool.map(double, numbers, chunksize=0)


def test_map_gives_up_after_its_time(pool: Executor) -> None:
    with pytest.raises(futures.TimeoutError):
        list(pool.map(slowly, [3], [1], timeout=0.2))


def test_what_is_done_first_comes_first(pool: Executor) -> None:
    late, early = pool.submit(slowly, 2, "late"), pool.submit(slowly, 0, "early")
    assert [future.result() for future in futures.as_completed([late, early], timeout=60)] == ["early", "late"]


def test_an_exception_is_the_authors(pool: Executor) -> None:
    future = pool.submit(half, 3)
    error = future.exception(60)
    assert isinstance(error, FunctionRaised)
    assert "3 is odd" in str(error)
    results = pool.map(half, [4, 5])
    assert next(results) == 2
    with pytest.raises(FunctionRaised):
        next(results)


def test_published_functions_are_called_by_reference(pool: Executor, operator: Client) -> None:
    ref = operator.register_function(double, name="double_by_ref")
    assert pool.submit(ref, 4).result(60) == 8
    assert pool.submit("double_by_ref@1", 5).result(60) == 10
    assert pool.submit(operator.function(ref), 6).result(60) == 12


def test_one_bad_call_spoils_no_other(pool: Executor) -> None:
    submitted = [pool.submit(double, 1), pool.submit("no_such_function", 1), pool.submit(double, 2)]
    assert [submitted[0].result(60), submitted[2].result(60)] == [2, 4]
    assert isinstance(submitted[1].exception(60), UnknownFunction)
    assert submitted[1].task_id is None


def test_what_cannot_travel_is_said_at_once(pool: Executor) -> None:
    around = 1

    def closure(x: int) -> int:
        return x + around

    with pytest.raises(InvalidInput, match="around"):
        pool.submit(closure, 1)
    with pytest.raises(InvalidInput, match="JSON"):
        pool.submit(double, {1, 2})
    with pytest.raises(TooLarge, match="1,048,576"):
        pool.submit(double, "x" * 1_100_000)


def test_closures_travel_as_pickles(operator: Client) -> None:
    around = 5

    def closure(x: int) -> int:
        return x + around

    with Executor("local", operator, pickle=True) as pool:
        assert pool.submit(closure, 1).result(60) == 6
        assert pool.submit(lambda x: x * around, 2).result(60) == 10
        assert pool.submit(functools.partial(pow, 2), 3).result(60) == 8
        assert list(pool.map(closure, range(40), chunksize=8)) == list(range(5, 45))


def test_shutdown_waits_and_takes_no_more(operator: Client) -> None:
    pool = Executor("local", operator)
    submitted = [pool.submit(double, x) for x in range(10)]
    pool.shutdown()
    assert all(future.done() for future in submitted)
    with pytest.raises(RuntimeError):
        pool.submit(double, 1)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("openbeam-")]


def test_another_session_finds_the_tasks_again(operator: Client, stack: Stack) -> None:
    first = Executor("local", operator)
    submitted = [first.submit(slowly, 1, number) for number in range(4)]
    ids = [future.task_id for future in submitted]
    with stack.client() as other, Executor(client=other) as pool:
        assert [future.result(60) for future in pool.reload_tasks(first.group)] == [0, 1, 2, 3]
        again = pool.reload_tasks([ids[2] or "", ids[0] or ""])
        assert [(future.task_id, future.result(60)) for future in again] == [(ids[2], 2), (ids[0], 0)]
        alone = other.run(21, function_id=other.register_function(double), endpoint_id="local")
        assert [future.result(60) for future in pool.reload_tasks([alone])] == [42]
        with pytest.raises(UnknownTask):
            pool.reload_tasks(["00000000-0000-4000-8000-000000000000"])
        with pytest.raises(UnknownTask):
            pool.reload_tasks("00000000-0000-4000-8000-000000000000")
    first.shutdown()


def test_no_future_is_lost_when_the_service_is_killed(pool: Executor, stack: Stack) -> None:
    before = [pool.submit(slowly, 0.02, number) for number in range(100)]
    before[0].result(60)
    stack.program("openbeam-service").send_signal(signal.SIGKILL)
    after = [pool.submit(slowly, 0, number) for number in range(100, 200)]
    assert [future.result(100) for future in (*before, *after)] == list(range(200))


PROGRAM = """
from openbeam import Executor

def slowly(seconds, value):
    import time
    time.sleep(seconds)
    return value

pool = Executor("local")
futures = [pool.submit(slowly, 3, number) for number in range(3)]
print(pool.group, flush=True)
"""


def _program(stack: Stack, tmp_path: Path, more: str) -> subprocess.Popen[str]:
    script = tmp_path / "program.py"
    script.write_text(PROGRAM + textwrap.dedent(more))
    token = (stack.home / "tokens" / "operator").read_text().strip()
    return subprocess.Popen(
        [sys.executable, script],
        env={**stack.environment, "OPENBEAM_TOKEN": token},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ("with pool:\n    print('ready', flush=True)\n    futures[0].result()", -signal.SIGINT),
        ("print(futures[2].task_id and 'ready', flush=True)\nfutures[0].result()", -signal.SIGINT),
        ("", 0),
    ],
    ids=["Ctrl-C in a with", "Ctrl-C", "the end"],
)
def test_tasks_outlive_their_program(stack: Stack, operator: Client, tmp_path: Path, more: str, status: int) -> None:
    with _program(stack, tmp_path, more) as program:
        assert program.stdout is not None
        group = program.stdout.readline().strip()
        if status:
            assert program.stdout.readline() == "ready\n"
            program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=20)
    assert program.returncode == status, said
    found = re.search(r"reload_tasks\('(.*)'\)", said)
    assert found is not None, said
    assert found[1] == group
    with Executor(client=operator) as pool:
        assert [future.result(60) for future in pool.reload_tasks(group)] == [0, 1, 2]


def test_a_call_that_was_not_sent_can_be_cancelled(stack: Stack) -> None:
    """Sent are only the first calls: the service takes no second batch before it has answered the first."""
    with stack.client() as client, Executor("local", client, batch_size=1) as pool:
        submitted = [pool.submit(double, number) for number in range(50)]
        last = submitted[-1]
        assert last.cancel()
        assert last.cancelled()
        assert last.task_id is None
        done, _ = futures.wait(submitted, timeout=60)
        assert len(done) == 50
        assert all(not future.exception() for future in submitted[:-1] if not future.cancelled())


def test_cancelling_a_future_cancels_its_task(operator: Client) -> None:
    with Executor("local", operator) as pool:
        running = [pool.submit(slowly, 60, number) for number in range(12)]
        ids = [future.task_id or "" for future in running]
        assert all(future.cancel() for future in running)
        assert {task.state for task in operator.task_states(ids)} == {"cancelled"}
        assert pool.submit(double, 4).result(60) == 8
    with Executor("local", operator) as pool:
        left = [pool.submit(slowly, 60, number) for number in range(3)]
        pool.shutdown(cancel_futures=True)
        assert all(future.cancelled() for future in left)
