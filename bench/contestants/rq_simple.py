"""RQ: two SimpleWorkers, which do not fork."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from protocol import double, serve
from redis import Redis
from rq import Queue


def main() -> None:
    url = f"{os.environ['BENCH_VALKEY']}?db=1"
    queue = Queue("bench", connection=Redis.from_url(url))
    command = (Path(sys.executable).parent / "rq", "worker", "-w", "rq.SimpleWorker", "-q", "--url", url, "bench")
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    workers = [subprocess.Popen(command, env=here, stdout=subprocess.DEVNULL) for _ in range(2)]

    def result(job: Any) -> Any:
        found = job.latest_result(timeout=60)
        return found.return_value

    try:
        serve(
            lambda x: result(queue.enqueue(double, x)),
            many=lambda xs: [result(job) for job in queue.enqueue_many([Queue.prepare_data(double, (x,)) for x in xs])],
        )
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.wait()


main()
