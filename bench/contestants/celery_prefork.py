"""Celery: two forked workers, the queue's server as broker and backend."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from celery import group
from celery_work import double
from protocol import serve


def main() -> None:
    here = Path(__file__).parent
    command = (sys.executable, "-m", "celery", "-A", "celery_work", "worker", "-c", "2", "--loglevel=ERROR")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    env = {**os.environ, "PYTHONPATH": str(here)}
    worker = subprocess.Popen((*command, *quiet), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        serve(
            lambda x: double.delay(x).get(timeout=60),
            many=lambda xs: group(double.s(x) for x in xs).apply_async().get(timeout=120),
        )
    finally:
        worker.terminate()
        worker.wait()


main()
