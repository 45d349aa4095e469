"""Bare Parsl: DataFlowKernel and HighThroughputExecutor, two workers on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import parsl
from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider
from protocol import double, serve


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    executor = HighThroughputExecutor(
        label="htex",
        address="127.0.0.1",
        max_workers_per_node=2,
        cores_per_worker=0.5,
        prefetch_capacity=16,
        encrypted=False,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, launcher=SimpleLauncher()),
    )
    with tempfile.TemporaryDirectory() as folder:
        config = Config(
            executors=[executor], run_dir=folder, strategy="none", initialize_logging=False, usage_tracking=0
        )
        with parsl.load(config):
            app = parsl.python_app(double)
            serve(
                lambda x: app(x).result(),
                many=lambda xs: [future.result() for future in [app(x) for x in xs]],
            )


main()
