"""A new analysis from the template, and what is said of texts that lack something."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.authoring import findings, template
from openbeam.authoring.folder import Folder
from openbeam.cli.app import run_app
from openbeam.errors import InvalidInput
from openbeam.lessons import HEADINGS
from openbeam.models import DatasetSpec, Layout

FILE = {"uri": "root://eospublic.cern.ch//eos/x.root", "size": 1, "checksum": "adler32:00000001"}
TO_WRITE = "TODO"


def _dataset(**more: object) -> DatasetSpec:
    fields = {"name": "toy", "title": "A toy", "columns": {"nMuon": "Muons", "Muon_pt": "Momentum [GeV]"}}
    return DatasetSpec.model_validate({**fields, "files": [FILE], **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new analysis in which everything has been written."""
    template.begin(tmp_path / "my_first", _dataset())
    for path in (tmp_path / "my_first").iterdir():
        path.write_text(path.read_text().replace(TO_WRITE, "Words"))
    return tmp_path / "my_first"


def faults(folder: Path) -> list[str]:
    """Return what is not good about the texts of a folder."""
    texts = Folder.read(folder)
    schema = texts.parameters()
    found = [*findings.of_texts(texts), *findings.of_lessons(texts), *findings.of_parameters(schema)]
    return [one.what for one in found if not one.good]


def change(folder: Path, name: str, edit: Callable[[str], str]) -> None:
    before = (folder / name).read_text()
    (folder / name).write_text(edit(before))
    assert (folder / name).read_text() != before


# ------------------------------------------------------------------------------------------------ the template
@pytest.mark.parametrize(
    ("layout", "columns", "expression"),
    [
        (Layout.nanoaod, {"nMuon": "", "Muon_pt": "Momentum [GeV]"}, "events.Muon.pt"),
        (Layout.flat, {"Run": "Number", "E1": "Energy [GeV]"}, "events.E1"),
        (Layout.flat, {"lead_pt": "Momentum [GeV]"}, "events.lead_pt"),
        (Layout.csv, {"lead_pt": "Momentum [GeV]"}, "events.lead_pt"),
    ],
)
def test_a_new_analysis_reads_a_column_of_its_dataset(
    tmp_path: Path, layout: Layout, columns: dict[str, str], expression: str
) -> None:
    template.begin(tmp_path / "new", _dataset(layout=layout, columns=columns))
    assert f"ak.flatten({expression}, axis=None)" in (tmp_path / "new" / "analysis.py").read_text()


TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(title=TEXTS, columns=st.dictionaries(TEXTS, TEXTS, max_size=4), experiment=st.text(max_size=20))
def test_whatever_a_record_says_the_texts_are_python_and_toml(
    title: str, columns: dict[str, str], experiment: str
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name) / "new"
        template.begin(folder, _dataset(title=title, columns=columns, experiment=experiment))
        ast.parse((folder / "analysis.py").read_text())
        tomllib.loads((folder / "meta.toml").read_text())
        Folder.read(folder)


def test_a_folder_that_is_there_or_a_name_that_cannot_be_is_refused(tmp_path: Path) -> None:
    template.begin(tmp_path / "new", _dataset())
    with pytest.raises(InvalidInput, match="there already"):
        template.begin(tmp_path / "new", _dataset())
    with pytest.raises(InvalidInput, match="name"):
        template.begin(tmp_path / "My First", _dataset())
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_command_names_the_files_it_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run_app(["functions", "new", "my_first"]) == 0
    made = capsys.readouterr()
    assert sorted(made.out.split()) == [f"my_first/{name}" for name in ("analysis.py", "lesson.en.md", "meta.toml")]
    assert "openbeam functions check my_first" in made.err
    assert run_app(["functions", "new", "other", "--dataset", "cms-2012-doublemo"]) == 1


# ------------------------------------------------------------------------------------------------ the texts
def test_what_the_template_leaves_open_is_said(tmp_path: Path) -> None:
    template.begin(tmp_path / "new", _dataset())
    found = faults(tmp_path / "new")
    assert [fault.partition(":")[0] for fault in found] == ["meta.toml", "meta.toml", "lesson.en.md"]
    assert all(TO_WRITE in fault for fault in found)


def test_texts_that_lack_nothing_are_good(folder: Path) -> None:
    assert faults(folder) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("analysis.py", '"""My first"""', "", "the file has no docstring"),
        ("analysis.py", '    """Count how often each value of one column occurs."""\n', "", "analyze has no docstring"),
        ("analysis.py", "        ge=10,\n", "", "bins has no range"),
        ("analysis.py", '"x-unit": "GeV", ', "", "lowest has no unit"),
        ("analysis.py", '        description="Smaller values are left out",\n', "", "lowest has no description"),
        ("analysis.py", "        50,\n        ge=10", "        ge=10", "bins has no default"),
        ("analysis.py", "def analyze", "# a line\n" * 200 + "def analyze", "too many to be read in class"),
        ("lesson.en.md", "## What to try", "## Trying", "no section “What to try”"),
        ("lesson.en.md", "<details>", "", "no folded answer"),
        ("lesson.en.md", "## Background", "## Data", "in another order"),
        ("meta.toml", 'en = "', 'fr = "', "lesson.fr.md"),
        ("meta.toml", "timeout = 60.0", "timeout = 0", "timeout"),
        ("meta.toml", "timeout = 60.0", "timeout = ", "not TOML"),
        ("analysis.py", "import hist", "import hist_of_nothing", "pip install hist_of_nothing"),
        ("analysis.py", "def analyze(", "def analyse(", "'analyze'"),
    ],
)
def test_each_fault_is_named(folder: Path, file: str, old: str, new: str, expected: str) -> None:
    change(folder, file, lambda text: text.replace(old, new, 1))
    try:
        found = faults(folder)
    except InvalidInput as error:
        found = [str(error)]
    assert any(expected in fault for fault in found), found


def translate(folder: Path, language: str, text: Callable[[str], str]) -> None:
    change(folder, "meta.toml", lambda meta: f'{meta}{language} = "Words"\n')
    (folder / f"lesson.{language}.md").write_text(text((folder / "lesson.en.md").read_text()))


def test_a_translation_has_the_headings_of_its_language(folder: Path) -> None:
    def french(text: str) -> str:
        for old, new in zip(HEADINGS["en"].sections, HEADINGS["fr"].sections, strict=True):
            text = text.replace(f"## {old}\n", f"## {new}\n")
        return text

    translate(folder, "fr", french)
    assert faults(folder) == []
    change(folder, "lesson.fr.md", lambda text: text.replace("## Les données", "## Data"))
    assert faults(folder) == ["lesson.fr.md: it has no section “Les données”. Add the line: ## Les données"]


def test_a_translation_has_as_many_sections_and_answers_as_the_english_lesson(folder: Path) -> None:
    translate(folder, "eo", lambda text: text.replace("## Data", "La datumoj"))
    assert faults(folder) == ["lesson.eo.md: sections: 6 here, 7 in the English lesson."]
    more = "<details><summary>Answer</summary>\n\nMore.\n\n</details>"
    change(folder, "lesson.en.md", lambda text: text.replace("## Further", f"{more}\n\n## Further"))
    assert faults(folder)[1:] == ["lesson.eo.md: folded answers: 1 here, 2 in the English lesson."]


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_app(["functions", "check", str(tmp_path / "nowhere"), "--sample", str(tmp_path / "none.root")]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert run_app(["functions", "check", str(tmp_path / "nowhere")]) == 1
    assert "openbeam functions new NAME" in capsys.readouterr().err
