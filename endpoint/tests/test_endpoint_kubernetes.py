"""Parsl's own Kubernetes provider with our pods, against a stand-in for the pods API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from endpoint_blocks import begin, made, started, value
from endpoint_kit import until
from openbeam_endpoint.engines import Engine
from openbeam_endpoint.providers.settings import Kubernetes
from support.pods import PodsApi, running_pods_api

pytestmark = pytest.mark.system

DOUBLE = "def f(x):\n    return 2 * x"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("pods"))


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[PodsApi]:
    with running_pods_api() as api, pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(api.config(home)))
        yield api


def site(home: Path, **settings: Any) -> Kubernetes:
    given = {"namespace": "openbeam", "idle_seconds": 1, "poll_seconds": 1, "address": "127.0.0.1", **settings}
    return Kubernetes(
        kind="kubernetes",
        image="registry.example.org/openbeam/environment-hep@sha256:1234",
        claim="openbeam-data",
        folder=str(home),
        python=sys.executable,
        user=10001,
        memory_gb=1.5,
        workers_per_node=2,
        **given,
    )


@pytest.fixture(scope="module")
def engine(home: Path, api: PodsApi) -> Iterator[Engine]:
    assert api.asked == {}
    engine = started(home, site(home))
    yield engine
    engine.close()
    assert api.asked == {}


def test_a_task_runs_in_a_pod_that_may_do_nothing_else(engine: Engine, api: PodsApi, home: Path) -> None:
    task = begin(engine, DOUBLE, 21)
    until(lambda: api.asked)
    ((name, pod),) = api.asked.items()
    assert value(task) == 42
    assert name.startswith("parsl.pool.block-")

    spec = pod["spec"]
    (container,) = spec["containers"]
    assert container["image"].startswith("registry.example.org/")
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    assert (spec["restartPolicy"], spec["enableServiceLinks"], spec["activeDeadlineSeconds"]) == (
        "Never",
        False,
        86_400,
    )
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsGroup": 10001,
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    limits = {"cpu": "2.0", "memory": "1536Mi"}
    assert container["resources"] == {"limits": limits, "requests": limits}
    assert spec["volumes"] == [
        {"name": "openbeam-data", "persistentVolumeClaim": {"claimName": "openbeam-data", "readOnly": True}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "2048Mi"}},
    ]
    assert container["volumeMounts"] == [
        {"name": "openbeam-data", "mountPath": str(home), "readOnly": True},
        {"name": "tmp", "mountPath": "/tmp"},
    ]
    assert "env" not in container
    assert "ports" not in container
    until(lambda: not api.asked)


def test_a_pod_that_somebody_deletes_is_replaced(engine: Engine, api: PodsApi) -> None:
    assert value(begin(engine, DOUBLE, 1)) == 2
    (first,) = api.asked
    api.delete(first)
    # It may be sent to the pod before that counts as lost: a retry mends that.
    problem = begin(engine, DOUBLE, 2)().problem
    assert problem is None or problem.retry
    assert value(begin(engine, DOUBLE, 2)) == 4
    until(lambda: not api.asked)


def test_what_the_api_refuses_is_told_in_its_words(home: Path, api: PodsApi) -> None:
    engine = started(home, site(home, namespace="elsewhere"))
    try:
        problem = begin(engine, DOUBLE, 1)().problem
        assert problem is not None
        said = 'Kubernetes starts no block: pods is forbidden: User "me" cannot create resource "pods" in "elsewhere".'
        assert problem.message == said
        assert api.asked == {}
    finally:
        engine.close()
