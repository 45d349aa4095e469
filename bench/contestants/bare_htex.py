"""Bare Parsl's configuration: two workers on this machine."""

from __future__ import annotations

from parsl.config import Config
from parsl.executors import HighThroughputExecutor
from parsl.launchers import SimpleLauncher
from parsl.providers import LocalProvider


def configured(folder: str) -> Config:
    executor = HighThroughputExecutor(
        label="htex",
        address="127.0.0.1",
        max_workers_per_node=2,
        cores_per_worker=0.5,
        prefetch_capacity=16,
        encrypted=False,
        provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, launcher=SimpleLauncher()),
    )
    return Config(executors=[executor], run_dir=folder, strategy="none", initialize_logging=False, usage_tracking=0)
