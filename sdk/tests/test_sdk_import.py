"""Records of CERN Open Data as datasets: what is taken of them, what is refused, and portals that misbehave."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import InvalidInput, OpenbeamError, OpenDataTrouble, UnknownRecord
from openbeam.models import DatasetSpec, Layout
from openbeam.opendata import Wishes, html_text, portal, propose, reference
from openbeam.opendata.choice import Chosen, choose
from openbeam.opendata.record import Listed, Record
from pydantic import ValidationError
from support.opendata_portal import EOS, OpenDataPortal, listed, reply, running_portal

DOI = "10.7483/OPENDATA.CMS.ABCD.EFGH"


@pytest.fixture
def cern() -> Iterator[OpenDataPortal]:
    with running_portal() as served:
        yield served


def proposed(cern: OpenDataPortal, recid: str, **wishes: Any) -> DatasetSpec:
    return propose(recid, Wishes(**wishes), url=cern.url)


def refusal(cern: OpenDataPortal, recid: str, kind: type[OpenbeamError] = InvalidInput, **wishes: Any) -> str:
    with pytest.raises(kind) as raised:
        proposed(cern, recid, **wishes)
    text = str(raised.value)
    assert "\n" not in text
    assert len(text) < 700
    return text


# ------------------------------------------------------------------------------------------------ what is taken
def test_a_record_becomes_a_dataset(cern: OpenDataPortal) -> None:
    cern.add(
        "7",
        title="Muons &amp; <b>more</b>",
        doi=DOI,
        experiment=["CMS"],
        abstract={
            "description": "<p>Two <i>muons</i>\nan event.</p><ul><li>one</li><li>two</li></ul><script>x()</script>"
        },
        collision_information={"type": "pp", "energy": "13TeV"},
        date_created=["2016", "2015"],
        distribution={"formats": ["csv", "ig"], "number_events": 12},
        license={"attribution": "CC0-1.0"},
        dataset_semantics=[
            {"variable": "px,py", "description": "Momentum", "unit": "GeV"},
            {"variable": "M", "description": "Mass <b>of</b> both"},
        ],
        note={"description": "Take care."},
        files=[listed("events.ig"), listed("mumu.csv", 345)],
    )
    spec = proposed(cern, "7")
    assert spec.model_dump(exclude={"notes", "files"}) == {
        "name": "cms-2015-7",
        "title": "Muons & more",
        "description": "Two muons an event.\n- one\n- two",
        "experiment": "CMS",
        "recid": "7",
        "doi": DOI,
        "license": "CC0-1.0",
        "collision": "pp, 13 TeV",
        "year": 2015,
        "columns": {"px": "Momentum [GeV]", "py": "Momentum [GeV]", "M": "Mass of both"},
        "tree": "",
        "layout": Layout.csv,
        "events": 12,
        "obtain": "",
        "local": False,
        "simulated": False,
    }
    (file,) = spec.files
    assert (file.uri, file.size) == (f"{EOS}/eos/opendata/lab/mumu.csv", 345)
    assert "The record notes: Take care." in spec.notes


@pytest.mark.parametrize(
    "written", [DOI, f"doi:{DOI}", f"https://doi.org/{DOI}", "7", " 0007 ", "https://opendata.cern.ch/record/7"]
)
def test_a_record_is_found_by_number_doi_or_address(cern: OpenDataPortal, written: str) -> None:
    cern.add("8", doi=f"{DOI}.LONGER", files=[listed("other.csv")])
    cern.add("7", doi=DOI, files=[listed("mumu.csv")])
    assert proposed(cern, written).recid == "7"


@pytest.mark.parametrize(
    ("formats", "expected"),
    [
        (["root", "nanoaod"], ("nanoaod", "Events", False)),
        (["nanoaodsim-reduced", "root"], ("nanoaod", "Events", True)),
        (["DAOD_PHYSLITE", "root"], ("physlite", "CollectionTree", False)),
    ],
)
def test_formats_say_how_files_are_read(cern: OpenDataPortal, formats: list[str], expected: tuple[Any, ...]) -> None:
    cern.add("7", distribution={"formats": formats}, files=[listed("a.root"), listed("b.root.1")])
    spec = proposed(cern, "7")
    assert (spec.layout.value, spec.tree, spec.simulated) == expected
    assert len(spec.files) == 2


def test_a_tree_that_no_record_names_is_asked_for(cern: OpenDataPortal) -> None:
    cern.add("7", distribution={"formats": ["root"]}, files=[listed("a.root")])
    assert "Name it" in refusal(cern, "7")
    spec = proposed(cern, "7", tree="mine", name="my-own")
    assert (spec.layout, spec.tree, spec.name) == (Layout.flat, "mine", "my-own")


def test_indices_are_expanded_by_the_portal_or_here(cern: OpenDataPortal) -> None:
    inner = [listed(f"{number}.root") for number in range(3)]
    index = listed("x_file_index.json", type="index.json")
    about = {"distribution": {"formats": ["nanoaod", "root"], "number_events": 30}}
    cern.add("7", **about, _file_indices=[{"key": "x", "size": 3_000, "files": inner}])
    cern.add("8", **about, files=[index, listed("x_file_index.txt", type="index.txt")])
    cern.answers["/eos/opendata/lab/x_file_index.json"] = reply(inner)
    live, mirrored = proposed(cern, "7"), proposed(cern, "8")
    assert [file.model_dump() for file in live.files] == [{**one, "note": ""} for one in inner]
    assert (live.files, live.events) == (mirrored.files, 30)

    some = proposed(cern, "7", max_files=2)
    assert (len(some.files), some.events) == (2, None)
    assert any("30 events for all its files" in note for note in some.notes)

    del cern.answers["/eos/opendata/lab/x_file_index.json"]
    assert "does not have the index" in refusal(cern, "8", OpenDataTrouble)


def test_files_are_chosen_where_they_would_not_fit_together(cern: OpenDataPortal) -> None:
    cern.add("7", distribution={"number_events": 9}, files=[listed(name) for name in ("a.csv", "a_0.csv", "a_1.csv")])
    atlas = "/eos/opendata/atlas/OutreachDatasets"
    both = [listed("data_A.root", folder=f"{atlas}/Data"), listed("mc_1.root", folder=f"{atlas}/MC")]
    cern.add("8", type={"primary": "Dataset", "secondary": ["Derived", "Simulated"]}, files=both)
    for recid in ("7", "8"):
        assert "Choose by their names" in refusal(cern, recid)
    assert "Choose by their names" in refusal(cern, "7", max_files=2)
    assert len(proposed(cern, "7", max_files=1).files) == 1
    assert [file.uri[-5:] for file in proposed(cern, "7", files="a_*.csv").files] == ["0.csv", "1.csv"]
    recorded, drawn = (proposed(cern, "8", files=one) for one in ("data_*", "mc_*"))
    assert (recorded.simulated, drawn.simulated, recorded.tree) == (False, True, "mini")
    assert "called b*" in refusal(cern, "7", files="b*")


def test_no_file_is_lost_among_those_of_another_kind(cern: OpenDataPortal) -> None:
    tables = [listed(f"{number}.csv") for number in range(600)]
    trees = [listed(f"{number}.root") for number in range(700)]
    cern.add("7", distribution={"formats": ["nanoaod", "csv"], "number_events": 9}, files=[*tables, *trees])
    spec = proposed(cern, "7")
    assert ([file.uri for file in spec.files], spec.events) == ([one["uri"] for one in trees], 9)
    assert len(proposed(cern, "7", layout=Layout.csv, files="*").files) == 600


def test_a_description_says_what_the_type_does_not(cern: OpenDataPortal) -> None:
    said = {"abstract": {"description": "<p>Made from <b>simulated</b> events.</p>"}, "files": [listed("a.csv")]}
    cern.add("7", **said, type={"primary": "Dataset", "secondary": ["Derived"]})
    cern.add("8", **said, type={"primary": "Dataset", "secondary": ["Collision"]})
    assert [proposed(cern, recid).simulated for recid in ("7", "8")] == [True, False]
    assert any("Marked as simulated" in note for note in proposed(cern, "7").notes)


def test_a_packed_table_is_a_table(cern: OpenDataPortal) -> None:
    cern.add("7", distribution={"formats": ["gz"], "number_events": 9}, files=[listed("a.csv.gz"), listed("b.tar.gz")])
    spec = proposed(cern, "7")
    assert ([file.uri.rpartition("/")[2] for file in spec.files], spec.layout, spec.events) == (["a.csv.gz"], "csv", 9)


# ------------------------------------------------------------------------------------------------ what is refused
@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"distribution": {"formats": ["aod", "root"]}, "files": [listed("a.root")]}, "aod, root"),
        ({"files": [listed("a.ig"), listed("b.zip")]}, "ig, zip"),
        ({"files": []}, "no files of its own"),
        ({"type": {"primary": "Software"}, "files": [listed("a.root")]}, "is software"),
        ({"files": [{**listed("a.csv"), "uri": "https://elsewhere.example/eos/opendata/a.csv"}]}, "elsewhere"),
        ({"files": [{**listed("a.csv"), "uri": "root://eospublic.cern.ch//eos/user/a.csv"}]}, "store"),
        ({"files": [listed("a.csv", folder="/eos/opendata/../user")]}, "store"),
        ({"files": [{**listed("a.csv"), "checksum": "md5:1"}]}, "checksum"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(cern: OpenDataPortal, fields: dict[str, Any], says: str) -> None:
    assert says in refusal(cern, cern.add("7", **fields))


def test_thousands_of_files_are_not_added_unasked(cern: OpenDataPortal) -> None:
    files = [listed(f"{number}.root") for number in range(1_500)]
    cern.add("7", distribution={"formats": ["nanoaod"]}, _file_indices=[{"files": files}])
    assert "more than 1,000 files" in refusal(cern, "7")
    assert len(proposed(cern, "7", max_files=3).files) == 3
    assert len(proposed(cern, "7", files="77?.root").files) == 10


@pytest.mark.parametrize(
    "written", ["", "five", "-1", "12345678901", "10.7483", "10.7483/x y", 'doi:"1"', "../etc", "7?q"]
)
def test_what_is_no_reference_is_never_asked_for(cern: OpenDataPortal, written: str) -> None:
    assert "neither the number nor the DOI" in refusal(cern, written)
    assert not cern.asked


def test_a_record_that_is_not_there(cern: OpenDataPortal) -> None:
    cern.add("7", doi=f"{DOI}.LONGER", files=[listed("a.csv")])
    cern.answers["/api/records"] = reply({"hits": {"total": 1, "hits": [{"id": 7, "metadata": cern.records["7"]}]}})
    for written in ("8", DOI):
        assert "has no record" in refusal(cern, written, UnknownRecord)


# ------------------------------------------------------------------------------------------------ portals
def _forever(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    while True:
        handler.wfile.write(b"[" * 65_536)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (reply(b"<html>"), "did not answer with a record 7"),
        (reply(b"[" * 100_000), "did not answer with a record 7"),
        (reply({"metadata": {"recid": "7", "files": [{"uri": 5}]}}), "metadata.files.0.uri"),
        (reply({"metadata": {"recid": "8"}}), "answered with record 8"),
        (reply({"metadata": {"recid": "7", "files": [{**listed("a.csv"), "size": -1}]}}), "metadata.files.0.size"),
        (reply({}, 500), "answered 500"),
        (reply({}, 302, Location="http://elsewhere.example/api/records/7"), "another place, elsewhere.example"),
        (reply({}, 302, Location="/api/records/7"), "round in circles"),
        (reply(b"\x1f\x8b", 200, Content_Encoding="gzip"), "packed its answer"),
        (_forever, "more than 1,048,576 bytes"),
    ],
)
def test_a_portal_that_misbehaves_is_one_sentence(
    cern: OpenDataPortal, monkeypatch: pytest.MonkeyPatch, answer: Any, says: str
) -> None:
    monkeypatch.setattr(portal, "LARGEST", 1 << 20)
    cern.answers["/api/records/7"] = answer
    assert says in refusal(cern, "7", OpenDataTrouble)


def test_a_redirect_within_the_portal_is_followed(cern: OpenDataPortal) -> None:
    cern.add("8", files=[listed("a.csv")])
    cern.answers["/api/records/7"] = reply({}, 302, Location="/api/records/8")
    assert "answered with record 8" in refusal(cern, "7", OpenDataTrouble)
    assert cern.asked == ["/api/records/7", "/api/records/8"]


def test_a_portal_that_is_too_slow(cern: OpenDataPortal, monkeypatch: pytest.MonkeyPatch) -> None:
    cern.add("7", files=[listed("a.csv")])
    monkeypatch.setattr(portal, "SECONDS", -1.0)
    assert "took longer" in refusal(cern, "7", OpenDataTrouble)


def test_a_portal_that_is_away(dead_url: str) -> None:
    with pytest.raises(OpenDataTrouble, match=re.escape(dead_url)):
        propose("7", url=dead_url)


@pytest.mark.parametrize("url", ["ftp://x", "nonsense", "http://user:secret@127.0.0.1", "http://x?y=1"])
def test_an_address_that_is_no_portal(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENBEAM_OPENDATA_API", url)
    with pytest.raises(InvalidInput):
        propose("7")


# ------------------------------------------------------------------------------------------------ anything at all
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
NAMES = st.sampled_from(["a.root", "b.root.1", "c.csv", "mc_d.root", "e.ig", "AliESDs.root", "x/../y.csv", "é.csv"])
FILES = st.lists(st.builds(listed, NAMES, st.integers(0, 2**40), type=st.sampled_from(["", "index.json"])), max_size=5)
FORMATS = st.lists(st.sampled_from(["csv", "root", "nanoaod", "aod"]))
RECORDS = st.fixed_dictionaries(
    {"recid": st.just("7"), "files": FILES | JSON},
    optional={
        "title": st.text() | JSON,
        "abstract": st.builds(lambda text: {"description": text}, st.text()) | JSON,
        "distribution": FORMATS.map(lambda words: {"formats": words}) | JSON,
        "experiment": st.lists(st.text()) | JSON,
        "date_created": st.lists(st.sampled_from(["2011", "Run2012B", "99999", ""])) | JSON,
        "dataset_semantics": st.lists(st.builds(lambda name: {"variable": name}, st.text())) | JSON,
        "_file_indices": st.lists(st.builds(lambda files: {"files": files}, FILES)) | JSON,
    },
)  # fmt: skip


@settings(deadline=None)
@given(RECORDS)
def test_whatever_a_record_says_files_are_cerns_or_it_is_refused(answer: dict[str, Any]) -> None:
    try:
        chosen = _chosen(answer)
    except (InvalidInput, ValidationError):
        return
    assert 1 <= len(chosen.files) <= 1_000
    for file in chosen.files:
        assert file.uri.startswith(f"{EOS}/eos/opendata/")
        assert ".." not in file.uri.split("/")
        assert file.uri.endswith((".csv",) if chosen.layout is Layout.csv else (".root", ".root.1"))
    assert bool(chosen.tree) == (chosen.layout is not Layout.csv)


def _chosen(answer: dict[str, Any]) -> Chosen:
    return choose(Record.model_validate(answer), Wishes(), lambda *_: [Listed.model_validate(listed("z.root"))])


def test_whatever_a_portal_answers_becomes_a_dataset_or_one_error(cern: OpenDataPortal) -> None:
    @given(RECORDS)
    @settings(max_examples=40, deadline=None)
    def any_answer(answer: dict[str, Any]) -> None:
        cern.answers["/api/records/7"] = reply({"metadata": answer})
        try:
            spec = proposed(cern, "7")
        except (InvalidInput, OpenDataTrouble):
            return
        assert DatasetSpec.model_validate_json(spec.model_dump_json()) == spec

    any_answer()


MARKS = ["<p>", "</p>", "<b>", "<!--", "-->", "<![", "&amp;", "&#0;", "<script>", "</script>", "x", " "]


@settings(deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from(MARKS)).map("".join))
def test_any_html_becomes_lines_that_steer_nothing(html: str) -> None:
    text = html_text.text_of(html)
    assert all(char.isprintable() or char == "\n" for char in text)
    assert text.split("\n") == [line.strip() for line in text.split("\n")]
    assert len(html_text.cut(text, 10)) <= 10


@given(st.from_regex(r"[0-9]{1,10}", fullmatch=True))
def test_numbers_are_kept(written: str) -> None:
    number = reference.number_of(written)
    assert number is not None
    assert int(number) == int(written)
