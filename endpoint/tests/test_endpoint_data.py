"""A run's data come to the endpoint while everybody who waits can see how far they are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint_kit import Agent, Mirror, Site, until
from openbeam import Client
from openbeam.models import DataFile, FunctionKind, FunctionSpec
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record

MASSES = """\
from hist import Hist


def analyze(events, params):
    mass = Hist.new.Reg(40, 70, 110, name="mass", label="Dimuon mass [GeV]").Double()
    mass.fill(mass=events.M * params.scale)
    return {"mass": mass}
"""
SCALE = {"type": "object", "properties": {"scale": {"type": "number", "default": 1.0}}}


@pytest.fixture(scope="module")
def zmumu(tmp_path_factory: pytest.TempPathFactory) -> tuple[DataFile, bytes]:
    """Return the file of record 307, as it would be on CERN's storage, and its bytes."""
    (file,) = load_record("cms-2010-zmumu").files
    content = FileCache(tmp_path_factory.mktemp("cache")).ensure(file).read_bytes()
    return file.model_copy(update={"uri": "root://eospublic.cern.ch//eos/opendata/zmumu.root"}), content


@pytest.fixture(scope="module")
def mirror(zmumu: tuple[DataFile, bytes]) -> Iterator[Mirror]:
    made = Mirror(zmumu[1])
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(site: Site, mirror: Mirror) -> Iterator[Agent]:
    assert site.run("openbeam-endpoint", "configure", "lab").returncode == 0
    with site.agent(OPENBEAM_OPENDATA_MIRROR=mirror.url) as agent:
        until(lambda: agent.says("ready isolation"), 60)
        yield agent


def test_two_runs_see_one_download(
    site: Site, running: Agent, mirror: Mirror, operator: Client, zmumu: tuple[DataFile, bytes]
) -> None:
    assert running.process.poll() is None
    record = load_record("cms-2010-zmumu")
    dataset = operator.publish_dataset(record.model_copy(update={"name": "far-away", "files": [zmumu[0]]}))
    spec = FunctionSpec(
        name="masses", kind=FunctionKind.analysis, source=MASSES, entrypoint="analyze", parameters=SCALE
    )
    function = operator.publish_function(spec)
    runs = [operator.submit_run(function, dataset, endpoint="lab", scale=scale) for scale in (1.0, 1.1)]
    for run in runs:
        until(lambda run=run: operator.get_run(run.id).record.activity.startswith("fetching 89.5 of 179.0 kB, "))
    # Nobody sees half a file: under its name there is nothing yet.
    files = Path(site.home) / "endpoints" / "lab" / "files"
    assert [path.name for path in files.iterdir()] == [".incoming"]
    mirror.go_on.set()
    for run in runs:
        assert run.wait(60).account.events_processed == 2304
    assert mirror.asked == 1
