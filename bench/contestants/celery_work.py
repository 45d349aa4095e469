"""Celery's application, as its workers import it."""

from __future__ import annotations

import os

from celery import Celery

_socket = os.environ["BENCH_VALKEY"].removeprefix("unix://")
app = Celery(
    "bench", broker=f"redis+socket://{_socket}?virtual_host=2", backend=f"redis+socket://{_socket}?virtual_host=3"
)
app.conf.update(worker_prefetch_multiplier=16, task_ignore_result=False, broker_connection_retry_on_startup=True)


@app.task
def double(x: int) -> int:
    return 2 * x
