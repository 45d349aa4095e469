"""The bare route: what a call passes in Openbeam, REST, RQ, agent and Parsl, with nothing on the way.

Nobody is known, nothing is checked, counted, limited or shut in. What this takes, the parts take.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import Future
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import httpx
from processes import end
from protocol import serve


class Caller:
    """Calls, and hears of results as they come."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=None)
        self._waiting: dict[str, Future[Any]] = {}
        threading.Thread(target=self._hear, daemon=True).start()

    def call(self, xs: list[int]) -> list[Any]:
        """Return the results of calls."""
        calls = {uuid.uuid4().hex: x for x in xs}
        futures: dict[str, Future[Any]] = {one: Future() for one in calls}
        self._waiting |= futures
        self._http.post("/tasks", json=calls).raise_for_status()
        return [future.result(60) for future in futures.values()]

    def _hear(self) -> None:
        # In the end the service goes away.
        with suppress(httpx.TransportError), self._http.stream("GET", "/events") as answer:
            for line in answer.iter_lines():
                for task_id, value in json.loads(line).items():
                    self._waiting.pop(task_id).set_result(value)


def main() -> None:
    here, valkey = Path(__file__).parent, f"{os.environ['BENCH_VALKEY']}?db=2"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for line in (("bare_service.py", str(port), folder, valkey), ("bare_agent.py", url)):
            process = subprocess.Popen([sys.executable, here / line[0], *line[1:]])
            stack.callback(end, process)
            _wait_for(port)
        caller = Caller(url)
        serve(lambda x: caller.call([x])[0], many=caller.call)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("the bare service did not start")


main()
