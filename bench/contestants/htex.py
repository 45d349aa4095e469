"""Bare Parsl: DataFlowKernel and HighThroughputExecutor, two workers on this machine."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import parsl
from bare_htex import configured
from protocol import double, serve


def main() -> None:
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    os.environ["PYTHONPATH"] = str(Path(__file__).parent)
    with tempfile.TemporaryDirectory() as folder, parsl.load(configured(folder)):
        app = parsl.python_app(double)
        serve(
            lambda x: app(x).result(),
            many=lambda xs: [future.result() for future in [app(x) for x in xs]],
        )


main()
