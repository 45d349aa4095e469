"""The agent of the bare route: takes tasks over HTTP, has bare Parsl run them, hands their results in."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import parsl
from bare_htex import configured
from protocol import double


async def work(url: str) -> None:
    """Work until somebody ends it."""
    me = asyncio.current_task()
    assert me is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, me.cancel)
    call = parsl.python_app(double)
    async with httpx.AsyncClient(base_url=url, timeout=None) as http, asyncio.TaskGroup() as group:
        while True:
            tasks = (await http.post("/lease")).raise_for_status().json()
            group.create_task(_do(http, call, tasks))


async def _do(http: httpx.AsyncClient, call: Any, tasks: dict[str, int]) -> None:
    values = await asyncio.gather(*(asyncio.wrap_future(call(x)) for x in tasks.values()))
    (await http.post("/results", json=dict(zip(tasks, values, strict=True)))).raise_for_status()


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    sys.setswitchinterval(0.0005)  # as Openbeam's agent does
    with tempfile.TemporaryDirectory() as folder, parsl.load(configured(folder)), suppress(asyncio.CancelledError):
        asyncio.run(work(sys.argv[1]))


main()
