"""Openbeam: the SDK's executor, REST, queue, agent, and a sandboxed engine with two workers."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from openbeam import Client, Executor
from processes import end
from protocol import double, serve

CHUNK = 32


def main() -> None:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        for name in ("log", "run"):
            (home / name).mkdir()
        tools = Path(sys.executable).parent
        env = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
        env |= {"OPENBEAM_HOME": str(home), "OPENBEAM_URL": os.environ["BENCH_URL"], "OPENBEAM_WORKERS": "2"}
        env["PATH"] = f"{tools}:{env['PATH']}"
        subprocess.run([tools / "openbeam-service", "init"], env=env, stdout=subprocess.DEVNULL, check=True)
        for command in (
            ("openbeam-service", "valkey"),
            ("openbeam-service", "serve"),
            ("openbeam-endpoint", "start", "local"),
        ):
            log = stack.enter_context((home / "log" / command[1]).open("wb"))
            process = subprocess.Popen([tools / command[0], *command[1:]], env=env, stdout=log, stderr=log)
            stack.callback(end, process)
        token = (home / "tokens" / "operator").read_text().strip()
        client = stack.enter_context(Client(os.environ["BENCH_URL"], token))
        client.wait_for_service(120)
        client.wait_for_endpoint(120)
        pool = stack.enter_context(Executor("local", client))
        serve(
            lambda x: pool.submit(double, x).result(),
            many=lambda xs: pool.map(double, xs),
            chunked=lambda xs: pool.map(double, xs, chunksize=CHUNK),
        )


main()
