"""An engine whose tasks run in blocks: here, each block is a process that Parsl's local provider starts."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint_blocks import begin, kind, made, nodes, started, value
from endpoint_kit import until
from openbeam_endpoint.engines import Engine
from openbeam_endpoint.providers.settings import Parsl

WHERE = "import os\ndef f():\n    return [os.getppid(), os.environ.get('OPENBEAM_SECRET'), 'KUBECONFIG' in os.environ]"
NAP = "import time\ndef f(seconds):\n    time.sleep(seconds)\n    return seconds"
LONG = "import time\ndef f():\n    time.sleep(60)"


def site(**settings: Any) -> Parsl:
    given = {"max_blocks": 2, "idle_seconds": 1, "poll_seconds": 1, "address": "127.0.0.1", **settings}
    return Parsl(kind="parsl", provider="LocalProvider", **given)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("blocks"))


@pytest.fixture(scope="module")
def engine(home: Path) -> Iterator[Engine]:
    engine = started(home, site())
    yield engine
    engine.close()
    until(lambda: not nodes(home), 30)
    assert list((home / "scratch").iterdir()) == []


def test_a_block_comes_with_the_first_task_and_is_given_back(engine: Engine, home: Path) -> None:
    assert nodes(home) == []
    task = begin(engine, WHERE)
    assert engine.activity() == "waiting for a worker of Local"
    until(lambda: engine.blocks is not None and engine.blocks.running == 1)
    assert engine.activity() == "waiting for Local to start a block"
    parent, *seen = value(task)
    assert seen == [None, False]
    assert task.running.is_set()
    (node,) = nodes(home)
    # The task was forked from the node's own warm parent.
    assert parent in {child.pid for child in node.children()}
    until(lambda: not nodes(home))
    until(lambda: engine.blocks is not None and engine.blocks.workers == 0)


def test_what_waits_and_what_runs_on_a_node_can_be_stopped(engine: Engine) -> None:
    running, waiting = (begin(engine, LONG, task_id=name) for name in ("running", "waiting"))
    engine.cancel("waiting")
    assert kind(waiting) == "TaskCancelled"
    until(running.running.is_set, 60)
    engine.cancel("running")
    assert kind(running) == "TaskCancelled"


def test_a_limit_is_kept_on_a_node(engine: Engine) -> None:
    assert kind(begin(engine, NAP, 50, timeout=0.5)) == "TimedOut"


@pytest.mark.system
def test_more_tasks_have_more_blocks_and_a_lost_one_is_answered(engine: Engine, home: Path) -> None:
    long = [begin(engine, LONG, task_id=str(number)) for number in range(2)]
    until(lambda: all(task.running.is_set() for task in long), 60)
    assert len(nodes(home)) == 2
    for node in nodes(home):
        node.send_signal(signal.SIGKILL)
    for task in long:
        lost = task().problem
        assert lost is not None
        assert (lost.kind, lost.retry) == ("WorkerKilled", True)
    assert engine.healthy
    assert value(begin(engine, NAP, 0.1)) == 0.1


@pytest.mark.system
def test_blocks_that_do_not_start_are_told_and_not_tried_for_ever(tmp_path: Path) -> None:
    home = made(tmp_path)
    engine = started(home, site(worker_init="echo no such module >&2; exit 3"))
    try:
        first = begin(engine, NAP, 0)
        said = "A block of Local ended before its workers were there: no such module."
        until(lambda: engine.activity() == said)
        problem = first().problem
        assert problem is not None
        assert (problem.kind, problem.message, problem.retry) == ("EngineFault", said, False)
        # The next one is not kept waiting.
        tried = len(list((home / "scratch").glob("*/parsl/scripts/*.sh")))
        assert begin(engine, NAP, 0)().problem == problem
        assert tried == len(list((home / "scratch").glob("*/parsl/scripts/*.sh"))) == 3
        assert engine.healthy
    finally:
        engine.close()


@pytest.mark.system
def test_a_node_with_other_packages_says_so(tmp_path: Path) -> None:
    home = made(tmp_path)
    other = tmp_path / "other-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.0\n")
    engine = started(home, site(worker_init=f"export PYTHONPATH={tmp_path}"))
    try:
        begin(engine, NAP, 0)
        words = (os.uname().nodename, "it has other packages than the agent")
        until(lambda: all(word in told for told in [engine.activity()] for word in words), 60)
    finally:
        engine.close()
    until(lambda: not nodes(home), 30)
