"""CSV files: the official ones and what is wrong with them, and files that nobody should have made."""

from __future__ import annotations

import csv
import gzip
import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openbeam.errors import DataUnavailable, InvalidInput
from openbeam.models import Layout
from openbeam_datasets.readers import inspect_file, open_events, table

quickly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "0123abcd-42"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, start: int = 0, stop: int | None = None) -> ak.Array:
    end = inspect_file(path, "").entries if stop is None else stop
    with open_events(path, tree="", layout=Layout.csv, start=start, stop=end) as events:
        return events


def columns(path: Path) -> dict[str, list[Any]]:
    events = read(path)
    return {name: ak.to_list(events[name]) for name in events.fields}


# ------------------------------------------------------------------------------------------------ official files
@pytest.mark.opendata
def test_every_official_file_is_what_pythons_own_parser_reads(opendata: Path) -> None:
    found = sorted((opendata / "eos").rglob("*.csv")) + sorted((opendata / "samples").glob("*.csv"))
    assert len(found) > 15
    for path in found:
        with path.open(newline="") as text:
            rows = list(csv.DictReader(text))
        facts, events = inspect_file(path, ""), read(path)
        assert facts.entries == len(rows) == len(events)
        assert facts.columns == [name.strip() for name in rows[0]]
        for name in rows[0]:
            told = [row[name] for row in rows]
            values = events[name.strip()]
            if name in {"Type", "type1", "type2"}:
                assert ak.to_list(values) == told, (path, name)
            else:
                assert np.array_equal(ak.to_numpy(values), np.array(told, float)), (path, name)
                assert ak.to_numpy(values).dtype == (float if any("." in value for value in told) else int)


@pytest.mark.opendata
def test_the_official_csv_holds_the_events_of_its_root_file(opendata: Path, zmumu: Path) -> None:
    text = read(opendata / "eos/opendata/cms/masterclass-2014/Zmumu.csv", 100, 200)
    with open_events(zmumu, tree="events", layout=Layout.flat, start=100, stop=200) as events:
        assert set(text.fields) == set(events.fields)
        assert all(ak.all(text[name] == events[name]) for name in events.fields)


# ------------------------------------------------------------------------------------------------ every chunk alike
@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at 64 bytes at a time, as at megabytes of a long file."""
    monkeypatch.setattr(table, "BLOCK", 64)


@quickly
@given(st.lists(st.integers(0, 60), max_size=3))
@pytest.mark.usefixtures("small_blocks")
def test_chunks_are_the_whole_wherever_it_is_cut(tmp_path: Path, cuts: list[int]) -> None:
    rows = [f"{row},{row / 3:.6f},{'odd' if row % 2 else 'even'}" + "\r\n" * (1 + (row % 7 == 0)) for row in range(60)]
    path = written(tmp_path, "row,third,parity\r\n" + "".join(rows))
    whole = ak.to_list(read(path))
    assert [one["row"] for one in whole] == list(range(60))
    assert {one["parity"] for one in whole} == {"odd", "even"}
    parts = [ak.to_list(read(path, *ends)) for ends in pairwise([0, *sorted(cuts), 60])]
    assert [one for part in parts for one in part] == whole


@pytest.mark.usefixtures("small_blocks")
def test_a_long_file_may_be_cut_between_its_blocks(tmp_path: Path) -> None:
    path = written(tmp_path, "a,b\n" + "1234,5678\n" * 100)
    facts = inspect_file(path, "")
    assert (facts.entries, facts.offsets[0], facts.offsets[-1]) == (100, 0, 100)
    assert all(2 <= stop - start <= 10 for start, stop in pairwise(facts.offsets))


@pytest.mark.parametrize("start", [0, 5_999, 6_000])
def test_a_column_that_is_text_at_first_is_text_everywhere(tmp_path: Path, start: int) -> None:
    path = written(tmp_path, "kind,x\n" + "A1,1\n" * 6_000 + "17,2.5\n" * 3)
    with open_events(path, tree="", layout=Layout.csv, start=start, stop=6_003) as events:
        assert ak.to_list(events.kind[-3:]) == ["17"] * 3
        assert ak.to_list(events.x[-3:]) == [2.5] * 3


def test_text_where_numbers_were_is_named_by_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n" + "1,2\n" * 6_000 + "\n3,lost\n")
    with pytest.raises(InvalidInput, match="Line 6003 has no number in 'y'") as caught:
        inspect_file(path, "")
    assert caught.value.details == {"line": 6003, "column": "y"}


@pytest.mark.parametrize(("start", "stop"), [(0, 4), (-1, 2), (2, 1), (9, 9)])
def test_a_range_outside_the_file_is_refused(tmp_path: Path, start: int, stop: int) -> None:
    with pytest.raises(InvalidInput, match="there is no range"):
        read(written(tmp_path, "x\n1\n2\n3\n"), start, stop)


@pytest.mark.parametrize("content", ["x,y\n", "x,y", "x,y\r\n\r\n\n"])
def test_a_file_without_events_has_its_columns(tmp_path: Path, content: str) -> None:
    facts = inspect_file(written(tmp_path, content), "")
    assert (facts.entries, facts.offsets, facts.columns) == (0, [0], ["x", "y"])
    assert columns(tmp_path / "0123abcd-42") == {"x": [], "y": []}


def test_a_forked_worker_reads(tmp_path: Path) -> None:
    path = written(tmp_path, "x,y\n" + "1,a\n" * 20_000)
    assert len(read(path)) == 20_000
    child = os.fork()
    if child == 0:
        os._exit(len(read(path)) != 20_000)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


# ------------------------------------------------------------------------------------------------ what people write
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("px1 ,\tpy1\n1,2\n", {"px1": [1], "py1": [2]}),
        ("# x, y\r\n1,2\r\n3,4", {"x": [1, 3], "y": [2, 4]}),
        ("\ufeffx;y\n1;2.5\n\n\n", {"x": [1], "y": [2.5]}),
        ("x\ty\n1\t-2e3\n", {"x": [1], "y": [-2000.0]}),
        (',x\n0,"a, b"\n', {"column1": [0], "x": ["a, b"]}),
        ("x,when\n007,2015-01-31\n", {"x": [7], "when": ["2015-01-31"]}),
        ("ok\ntrue\nfalse\n", {"ok": ["true", "false"]}),
        ("Δφ,Zeichen\n1,ü\n", {"Δφ": [1], "Zeichen": ["ü"]}),
    ],
)
def test_tables_as_people_write_them(tmp_path: Path, content: str, expected: dict[str, list[Any]]) -> None:
    assert columns(written(tmp_path, content)) == expected


def test_an_empty_cell_is_no_number_or_an_empty_text(tmp_path: Path) -> None:
    events = read(written(tmp_path, "x,n,name\n1.5,1,a\n,,\nnan,3,NA\n"))
    assert [np.isnan(value) for value in ak.to_list(events.x)] == [False, True, True]
    assert [np.isnan(value) for value in ak.to_list(events.n)] == [False, True, False]
    assert ak.to_list(events.name) == ["a", "", "NA"]


@pytest.mark.usefixtures("small_blocks")
def test_a_compressed_file_is_unpacked_as_it_is_read(tmp_path: Path) -> None:
    content = ("x,name\n" + "".join(f"{row},n{row % 3}\n" for row in range(100))).encode()
    plain, packed = written(tmp_path, content), tmp_path / "packed"
    packed.write_bytes(gzip.compress(content))
    assert inspect_file(packed, "") == inspect_file(plain, "")
    assert ak.to_list(read(packed, 17, 60)) == ak.to_list(read(plain, 17, 60))


@pytest.mark.parametrize(
    "content",
    [gzip.compress(b"x\n" + b"1\n" * 9_000)[:-9], b"\x1f\x8b", b"\x1f\x8b\x08\0" + b"?" * 99],
    ids=["cut", "nothing but its mark", "noise"],  # compressed bytes hold the time
)
def test_a_damaged_compressed_file_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(InvalidInput, match="cannot be unpacked"):
        inspect_file(written(tmp_path, content), "")


def test_what_a_file_unpacks_to_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "MOST_BYTES", 100_000)
    path = written(tmp_path, gzip.compress(b"x\n" + b"1\n" * 100_000))
    with pytest.raises(InvalidInput, match="may have 100,000 bytes, unpacked"):
        inspect_file(path, "")


# ------------------------------------------------------------------------------------------------ what nobody should
@pytest.mark.parametrize(
    ("content", "says", "line"),
    [
        (b"", "is empty", 1),
        (b"\n  \n\n", "is empty", 1),
        (b"x,y\n1,2\n\n1,2,3\n", "Line 4 has 3 values; the file has 2 columns", 4),
        (b"x,y\n1,2\n1\n", "Line 3 has 1 values", 3),
        (b"x,y\n1,2\n3,\0\n", "Line 3 holds a NUL byte", 3),
        (b"x,y\n1,2\n3,\xff\n", "Line 3 is not UTF-8", 3),
        (b"x,\xff\n1,2\n", "Line 1 is not UTF-8", 1),
        (b"x,y\r1,2\r3,4\r", "CR alone", 1),
        (b"x,y\n1,2\r3,4\n", "Line 2 holds a carriage return", 2),
        (b"x,y\n1,1e999\n", "Line 2 has a number in 'y' that is too large", 2),
        (b"x,y\n1,2\n3,-inf\n", "Line 3 has a number in 'y' that is too large", 3),
        (b"1,2\n3,4\n", "Line 1 has numbers where", 1),
        (b"#\n1,2\n", "Line 1 names 0 columns", 1),
        (b"x,x\n1,2\n", "names the column 'x' twice", 1),
        (b'x,y\n1,"a\nb"\n', "a quoted text goes over several lines", 2),
        (b'x,y\n1,"a\n2,b\n', "Between lines 2 and 3", 2),
        (b",".join(b"c%d" % one for one in range(1001)) + b"\n", "names 1,001 columns", 1),
        (b"x" * 70_000, "Line 1 has more than 65,536 bytes", 1),
        (b"x\n" + b"1" * 70_000 + b"\n2\n", "Line 2 has more than 65,536 bytes", 2),
        (b"x\n1\n" + b"1" * 9_000_000, "Line 3 has more than 65,536 bytes", 3),
        (b"root\0\0\xf2" + b"\0" * 300, "This is a ROOT file", 1),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_says_where(tmp_path: Path, content: bytes, says: str, line: int) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        inspect_file(written(tmp_path, content), "")
    assert caught.value.details["line"] == line
    assert len(str(caught.value)) < 300


def test_a_file_may_not_be_endless(tmp_path: Path) -> None:
    path = written(tmp_path, "x\n")
    os.truncate(path, table.MOST_BYTES + 1)
    with pytest.raises(InvalidInput, match="may have 2,147,483,648 bytes"):
        inspect_file(path, "")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="is not here"):
        inspect_file(tmp_path / "0123abcd-42", "")


@quickly
@given(st.binary(max_size=300) | st.text(alphabet='0123456789.,;e-+"\r\n\t ax#', max_size=300).map(str.encode))
@pytest.mark.usefixtures("small_blocks")
def test_anything_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    try:
        facts = inspect_file(path, "")
    except InvalidInput:
        return
    events = read(path)
    assert len(events) == facts.entries == facts.offsets[-1]
    assert events.fields == facts.columns
