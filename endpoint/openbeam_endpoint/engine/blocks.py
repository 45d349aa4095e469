"""The workers of an engine whose tasks run elsewhere: Parsl's executor with a provider, and its own scaling.

Tasks wait in the engine's first process until a worker is there for them, and are counted by the strategy all the
same: what waits can be stopped, or told why it waits, and Parsl keeps no task that nobody wants any more.
"""

from __future__ import annotations

import os
import shlex
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final

import psutil
from parsl import curvezmq
from parsl.executors import HighThroughputExecutor
from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD
from parsl.jobs.job_status_poller import JobStatusPoller
from parsl.jobs.states import JobState
from parsl.utils import Timer

from openbeam_endpoint.engine import node, program, worker
from openbeam_endpoint.engine.news import News
from openbeam_endpoint.engine.starts import Starts, counts
from openbeam_endpoint.engine.switchboard import Switchboard
from openbeam_endpoint.packages import environment_digest
from openbeam_endpoint.providers.make import make
from openbeam_endpoint.providers.settings import read
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["Blocks"]

_LABEL: Final = "pool"
_PERIOD: Final = 1.0
_HEARTBEAT: Final = 3
_HEARTBEATS_LOST: Final = 20
_POLL_MILLISECONDS: Final = 500
_CLOSE_SECONDS: Final = 2.0
# So that as many workers start as asked for, however many cores there are.
_CORES_A_WORKER: Final = 1e-6
_POOL: Final = f"{program.POOL}.py"


class _Executor(HighThroughputExecutor):  # type: ignore[misc]
    """Parsl's, which counts the tasks that wait outside of it, and asks for blocks one by one."""

    starts: Starts
    on_news: Callable[[News], None]
    waiting = 0

    def outstanding(self) -> int:
        return int(super().outstanding()) + self.waiting

    def scale_out_facade(self, n: int) -> list[str]:
        begun: list[str] = []
        while len(begun) < n and self.starts.may_try():
            # A block that could not be started is known by its status alone.
            known = set(self._simulated_status)
            begun += super().scale_out_facade(1)
            for block in self._simulated_status.keys() - known:
                self.starts.refused(str(self._simulated_status[block].message).split(": ", 1)[-1])
        return begun

    def scale_in(self, blocks: int, max_idletime: float | None = None) -> list[str]:
        # Parsl's strategy asks for none of them when a block is half used, and Parsl's executor gives all back then.
        return list(super().scale_in(blocks, max_idletime)) if blocks > 0 else []

    def handle_errors(self, status: dict[str, Any]) -> None:
        """See how the blocks are; Parsl's poller calls this each time that it has looked."""
        for block, each in status.items():
            if each.state == JobState.MISSING and block not in self._simulated_status:
                self.starts.look(block, each)
        managers = self.connected_managers()
        self.starts.came({manager["block_id"] for manager in managers})
        workers = sum(manager["worker_count"] for manager in managers if manager["active"] and not manager["draining"])
        pending, running = counts(status)
        gave_up = self.starts.gave_up(alone=not (pending or running or workers))
        self.on_news(News(pending, running, workers, self.starts.trouble, gave_up))


class Blocks:
    """The workers of one engine, in blocks that come and go. ``on_news`` is called in a thread, when there is some."""

    def __init__(self, settings: Settings, site: Path, on_news: Callable[[News], None]) -> None:
        self._settings = settings
        self._site = read(site)
        self._folder = settings.scratch / "parsl"
        self._on_news = on_news
        self._known: News | None = None
        self._starts = Starts(self._site.title)
        self._run = {"task_executor": {"f": f"{worker.__name__}.run"}}
        self._executor = self._make()
        self._poller: Any = None
        self.room = 0
        """Tasks that there are workers for now."""

    def _make(self) -> _Executor:
        executor = _Executor(
            label=_LABEL,
            provider=make(self._site),
            interchange_launch_cmd=[sys.executable, "-m", program.__name__, program.INTERCHANGE],
            address=self._site.address,
            max_workers_per_node=self._site.workers_per_node,
            cores_per_worker=_CORES_A_WORKER,
            prefetch_capacity=0,
            poll_period=_POLL_MILLISECONDS,
            heartbeat_period=_HEARTBEAT,
            heartbeat_threshold=_HEARTBEATS_LOST,
            # Logs are for the node, which takes them with it.
            worker_logdir_root="/tmp",  # noqa: S108
            encrypted=True,
        )
        executor.starts, executor.on_news = self._starts, self._note
        return executor

    def start(self) -> socket.socket:
        """Start the interchange, and ask for the first blocks; return the line to all zygotes.

        Raises
        ------
        Exception
            Whatever Parsl raises when it cannot.

        """
        scripts = self._folder / "scripts"
        scripts.mkdir(parents=True)
        executor = self._executor
        executor.run_id, executor.run_dir = _LABEL, str(self._folder)
        executor.provider.script_dir = str(scripts)
        executor.cert_dir = curvezmq.create_certificates(executor.logdir)
        switchboard = Switchboard(executor.cert_dir, self._starts.node_failed)
        executor.launch_cmd = self._command(switchboard.port)
        os.environ[program.ENGINE_PID] = str(os.getpid())
        executor.start()
        self._poller = JobStatusPoller(
            strategy="htex_auto_scale", max_idletime=self._site.idle_seconds, strategy_period=_PERIOD
        )
        self._poller.add_executors([executor])
        return switchboard.line

    def _command(self, port: int) -> str:
        """Return what starts a node, with Parsl's own places to fill in."""
        own = {
            "data": str(self._settings.data),
            "workers": str(self._site.workers_per_node),
            "memory": str(getattr(self._site, "memory_gb", None) or 0),
            "cpu": str(self._settings.cpu),
            "environment": environment_digest(),
            "line": str(port),
        }
        words = [self._site.python or sys.executable, "-m", node.__name__, *(f"--{key}={own[key]}" for key in own)]
        quoted = shlex.join(words).replace("{", "{{").replace("}", "}}")
        own_start = f"exec {quoted} --addresses={{addresses}} --keys={{cert_dir}} --"
        return str(DEFAULT_LAUNCH_CMD).replace(_POOL, own_start)

    def submit(self, frame: bytes) -> Future[bytes]:
        """Have a worker run a ``run`` frame; its future's result is the frame that answers it. One thread only."""
        future: Future[bytes] = self._executor.submit_payload(self._run, frame)
        return future

    def waits(self, count: int) -> None:
        """Say how many tasks wait for a worker."""
        self._executor.waiting = count

    def processes(self) -> dict[int, str]:
        """Return the ids and names of the processes that the engine needs here."""
        return {process.pid: "interchange" for process in psutil.Process().children()}

    def close(self) -> None:
        """Give all blocks back, without a word to the interchange, which may be what is lost."""
        executor = self._executor
        if self._poller is not None:
            Timer.close(self._poller, _CLOSE_SECONDS)
        there = [block for block, status in executor.status_facade.items() if not status.terminal]
        if jobs := [executor.blocks_to_job_id[block] for block in there if block in executor.blocks_to_job_id]:
            executor.provider.cancel(jobs)

    def _note(self, news: News) -> None:
        self.room = min(news.workers, self._settings.workers)
        if news != self._known:
            self._known = news
            self._on_news(news)
