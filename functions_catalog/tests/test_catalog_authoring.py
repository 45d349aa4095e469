"""From nothing to a shared analysis by the command line, on a real service."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam import Client
from openbeam.authoring.findings import of_lessons, of_parameters, of_texts
from openbeam.authoring.folder import Folder
from openbeam.models import FunctionSpec, Role
from openbeam_catalog import catalog
from openbeam_catalog.catalog import load_catalog
from support import nursery
from support.service import Service, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with running_service(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.mark.parametrize("spec", load_catalog(), ids=lambda spec: spec.name)
def test_the_catalog_s_own_texts_lack_nothing_that_check_looks_for(spec: FunctionSpec) -> None:
    texts = Folder.read(catalog.FOLDER / spec.name)
    found = [*of_texts(texts), *of_lessons(texts), *of_parameters(spec.parameters)]
    assert [one.what for one in found if not one.good] == []


def openbeam(service: Service, folder: Path, *words: str, token: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENBEAM_URL": service.url, "OPENBEAM_TOKEN": token}
    return nursery.run("openbeam", "functions", *words, env=environment, folder=folder)


def test_an_author_begins_publishes_changes_and_shares(service: Service, tmp_path: Path) -> None:
    teacher = service.user("ada", Role.teacher)
    assert openbeam(service, tmp_path, "new", "my_first", token=teacher).returncode == 0
    for _ in range(2):
        done = openbeam(service, tmp_path, "publish", "my_first", token=teacher)
        assert done.returncode == 0, done.stderr
        # The same again is the same version.
        assert done.stdout.splitlines() == [
            "my_first@1  private",
            "http://127.0.0.1:8601/analysis?function=my_first",
        ]
    with Client(url=service.url, token=teacher) as client:
        kept = client.function("my_first@1")
    assert kept.source == (tmp_path / "my_first" / "analysis.py").read_text()
    assert kept.lessons[0].markdown == (tmp_path / "my_first" / "lesson.en.md").read_text()
    assert (kept.parameters["properties"]["bins"]["maximum"], kept.datasets) == (200, ["cms-2010-zmumu"])

    lesson = tmp_path / "my_first" / "lesson.en.md"
    lesson.write_text(lesson.read_text() + "\nMore.\n")
    done = openbeam(service, tmp_path, "publish", "my_first", "--public", token=teacher)
    assert done.stdout.splitlines()[0] == "my_first@2  public"


def test_who_may_not_publish_is_told_so(service: Service, tmp_path: Path) -> None:
    pupil = service.user("pupil", Role.pupil)
    assert openbeam(service, tmp_path, "new", "mine", token=pupil).returncode == 0
    done = openbeam(service, tmp_path, "publish", "mine", token=pupil)
    assert (done.returncode, done.stdout) == (1, "")
    assert "functions:write" in done.stderr
