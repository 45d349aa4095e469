"""A CSV file goes all the way: added as people add one, cut, computed in a sandbox, gathered."""

from __future__ import annotations

import csv
import uuid
from pathlib import Path

import numpy as np
import pytest
import uproot
from openbeam import Client
from openbeam.errors import RunFailed
from openbeam.models import DatasetSpec, Layout
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record


def table(spec: DatasetSpec, folder: Path) -> Path:
    """Write the events of a dataset's first file as CSV, as a spreadsheet does."""
    with uproot.open({FileCache(folder / "cache").ensure(spec.files[0]): spec.tree}) as tree:
        columns = tree.arrays(library="np")
    path = folder / "zmumu.csv"
    with path.open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def test_events_in_a_csv_file_give_the_same_histograms(operator: Client, tmp_path: Path) -> None:
    path = table(load_record("cms-2010-zmumu"), tmp_path)
    added = operator.add_local_file(path, f"csv-{uuid.uuid4().hex[:8]}", like="cms-2010-zmumu")
    assert (added.layout, added.tree) == (Layout.csv, "")
    runs = [operator.submit_run("z_mumu", name) for name in ("cms-2010-zmumu", added.name)]
    whole, mine = (run.wait(60).histograms for run in runs)
    assert set(whole) == set(mine)
    assert all(np.array_equal(whole[name].values(flow=True), mine[name].values(flow=True)) for name in whole)


def test_a_wrong_line_ends_the_run_before_it_begins(operator: Client, tmp_path: Path) -> None:
    path = table(load_record("cms-2010-zmumu"), tmp_path)
    with path.open("a") as text:
        text.write("one,line,too,short\n")
    added = operator.add_local_file(path, f"csv-{uuid.uuid4().hex[:8]}", like="cms-2010-zmumu")
    run = operator.submit_run("z_mumu", added.name)
    with pytest.raises(RunFailed, match="Line 2306 has 4 values; the file has 20 columns"):
        run.wait(60)
