"""``openbeam-datasets`` as a person meets it: a process, a real service, one line each."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openbeam import Client
from openbeam.cli.app import run_app
from openbeam_datasets.record import load_records
from support import nursery
from support.service import Service, running_service


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with running_service(tmp_path_factory.mktemp("home")) as served:
        yield served


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return nursery.run("openbeam-datasets", *words, env=os.environ | environment)


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


@pytest.fixture
def openbeam(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Return the command line in this process, signed in where all records are published."""
    monkeypatch.setenv("OPENBEAM_URL", service.url)
    monkeypatch.setenv("OPENBEAM_TOKEN", service.token)
    with Client() as client:
        if len(client.datasets()) < len(load_records()):
            for spec in load_records().values():
                client.publish_dataset(spec)

    def go(*words: str) -> tuple[int, str, str]:
        code = run_app(["datasets", *words])
        return code, *capsys.readouterr()

    return go


NOTHING = ["--recorded", "bottom", "top", "--layout", "nanoaod"]


@pytest.mark.parametrize(
    ("words", "fits"),
    [
        ([], lambda _: True),
        (["HIGGS2", "photon"], lambda d: d.name == "cms-2011-higgs2photon"),
        (["--experiment", "LHCb", "--simulated"], lambda d: d.name == "lhcb-2017-phasespace"),
        (["dxy1"], lambda d: d.name == "cms-2011-zmumu"),
        (["--layout", "csv", "--experiment", "OPERA"], lambda d: d.experiment == "OPERA"),
        (NOTHING, lambda _: False),
    ],
    ids=["all", "words", "options", "a column", "CSV", "nothing"],
)
def test_search_finds_a_record_among_many(openbeam: Any, words: list[str], fits: Any) -> None:
    code, said, trouble = openbeam("search", *words)
    assert (code, trouble) == (0, "")
    found = [line.split("\t")[0] for line in said.splitlines()]
    assert found == [name for name, spec in load_records().items() if fits(spec)]
    assert bool(found) == (words != NOTHING)


def test_show_says_what_a_record_says(openbeam: Any) -> None:
    spec = load_records()["cms-2012-doublemu"]
    code, said, trouble = openbeam("show", spec.name)
    assert (code, trouble) == (0, "")
    assert f"Read about it\thttps://doi.org/{spec.doi}\n" in said
    assert "Events\t61,540,413\n" in said
    assert all(text in said for text in (spec.description, *spec.notes, *spec.columns.values()))
    code, said, trouble = openbeam("show", "cms-2012-doublemuon")
    assert (code, said) == (1, "")
    assert "cms-2012-doublemu" in trouble
