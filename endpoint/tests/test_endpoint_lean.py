"""Parsl's own processes are small: what they do without, and that nothing else has changed for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import gc, importlib, sys
if sys.argv[1] == "needs it":
    import kubernetes
importlib.import_module("openbeam_endpoint.engine.lean")
from parsl.executors.high_throughput import interchange, process_worker_pool
from parsl.providers.kubernetes import kube
print(kube._kubernetes_enabled, gc.isenabled(), gc.get_threshold()[0])
print(*sorted({"sqlalchemy.orm", "typeguard._checkers", "requests.api"}.intersection(sys.modules)))
import requests
print(requests.get.__name__)
"""


@pytest.mark.parametrize(("engine", "knows_pods"), [("local", False), ("needs it", True)])
def test_parsl_comes_without_what_only_others_need(engine: str, *, knows_pods: bool) -> None:
    line = [sys.executable, "-c", PROGRAM, engine]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    standing, heavy, later = done.stdout.splitlines()
    assert standing.split() == [str(knows_pods), "True", "700"]
    # The client of Kubernetes may have a use for what Parsl has none for.
    assert set(heavy.split()) <= ({"requests.api"} if knows_pods else set())
    assert later == "get"
