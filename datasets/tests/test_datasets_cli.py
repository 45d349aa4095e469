"""``openbeam-datasets`` as a person meets it: a process, a real service, one line each."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam import Client
from openbeam_datasets.record import load_records
from support.service import Service, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with running_service(tmp_path_factory.mktemp("home")) as served:
        yield served


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("openbeam-datasets")
    return subprocess.run(
        [program, *words], capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )


def test_publish_says_a_line_each_and_may_be_repeated(service: Service) -> None:
    for _ in range(2):
        done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN=service.token)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [f"published {name}: {spec.title}" for name, spec in load_records().items()]
        with Client(url=service.url, token=service.token) as client:
            published = {
                dataset.name: dataset.model_dump(exclude={"owner", "created"}) for dataset in client.datasets()
            }
        assert published == {name: spec.model_dump() for name, spec in load_records().items()}


def test_a_refusal_is_one_sentence(service: Service) -> None:
    done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN=service.user("student"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: The role student with this token may not do this. It needs: datasets:write.\n"


def test_list_names_every_dataset_with_its_record() -> None:
    done = run("list")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == list(load_records())
    for spec, line in zip(load_records().values(), lines, strict=True):
        assert line.endswith(
            f"https://doi.org/{spec.doi}" if spec.doi else f"https://opendata.cern.ch/record/{spec.recid}"
        )
