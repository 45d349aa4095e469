"""``openbeam-catalog`` as a person meets it: a process, a real service, one line each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest
from openbeam import Client
from openbeam.models import FunctionSpec, Role
from openbeam_catalog.catalog import load_catalog
from support import nursery
from support.service import Service, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with running_service(tmp_path_factory.mktemp("home")) as served:
        yield served


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return nursery.run("openbeam-catalog", *words, env=os.environ | environment)


def test_publish_says_a_line_each_and_may_be_repeated(service: Service) -> None:
    for _ in range(2):
        done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN=service.token)
        assert (done.returncode, done.stderr) == (0, "")
        # The same again is the same version.
        assert done.stdout.splitlines() == [f"published {spec.name}@1: {spec.title}" for spec in load_catalog()]
    with Client(url=service.url, token=service.token) as client:
        for spec in load_catalog():
            # What the service adds, such as the visibility that it worked out, is not the catalog's to say.
            said = spec.model_dump(exclude_unset=True)
            kept = client.function(spec.name).model_dump(include=said.keys() & FunctionSpec.model_fields.keys())
            assert {name: said[name] for name in kept} == kept


def test_a_refusal_is_one_sentence(service: Service) -> None:
    done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN=service.user("pupil", Role.pupil))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: The role pupil with this token may not do this. It needs: functions:write.\n"


def test_list_names_every_function_with_its_data() -> None:
    done = run("list")
    assert done.stdout.splitlines() == [
        f"{spec.name}: {spec.title}, for {', '.join(spec.datasets)}" for spec in load_catalog()
    ]
