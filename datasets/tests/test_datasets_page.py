"""The page about datasets says of each what its record says."""

from __future__ import annotations

import re
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from openbeam.models import DatasetSpec
from openbeam_datasets.record import load_records
from rich.filesize import decimal

PAGE = Path(__file__).parents[2] / "docs" / "datasets.md"


def row(spec: DatasetSpec) -> str:
    what = re.sub(rf",( tutorial)? {spec.experiment}\b.*", "", spec.title)
    events = f"{spec.events:,}" if spec.events is not None else "–"
    size = decimal(sum(file.size for file in spec.files)) if spec.files else "–"
    record = f"[{spec.recid}]({spec.link})" if spec.recid else f"[DOI]({spec.link})" if spec.doi else "–"
    return f"| `{spec.name}` | {what} | {events} | {size} | {spec.layout} | {record} |"


def tables() -> str:
    """Return what belongs between the page's two marks."""
    text = []
    for experiment, found in groupby(
        sorted(load_records().values(), key=attrgetter("experiment", "name")), attrgetter("experiment")
    ):
        head = ["| dataset | what | events | size | layout | record |", "|---|---|--:|--:|---|---|"]
        text += [f"### {experiment}", "", *head, *map(row, found), ""]
    return "\n".join(text)


def test_the_tables_are_those_of_the_records() -> None:
    page = PAGE.read_text()
    (shown,) = re.findall(r"<!-- datasets: begin -->\n\n(.*)<!-- datasets: end -->", page, re.DOTALL)
    assert shown == tables()
