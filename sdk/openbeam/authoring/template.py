"""A new analysis: a folder that runs at once on a dataset, and says what its author has to write."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

from openbeam.checks import checked
from openbeam.errors import InvalidInput
from openbeam.models import DatasetSpec, FunctionSpec, Layout

__all__ = ["begin"]

_TEMPLATES: Final = Path(__file__).with_name("template")
_UNIT: Final = re.compile(r"\s*\[(?P<unit>[^\]]{1,20})\]\s*$")
_LONGEST_LABEL: Final = 60


def begin(folder: Path, dataset: DatasetSpec) -> list[Path]:
    """Write the texts of a new analysis for a dataset into a folder of its name, and return their paths.

    Raises
    ------
    InvalidInput
        When the folder is there already, or no function can have its name.

    """
    checked(FunctionSpec, name=folder.name, source="-", entrypoint="analyze")
    if folder.exists():
        raise InvalidInput(f"{folder} is there already. Choose another name.", field="name")
    words = _words(folder.name, dataset)
    texts = {path.stem: Template(path.read_text(encoding="utf-8")) for path in sorted(_TEMPLATES.glob("*.txt"))}
    try:
        folder.mkdir(parents=True)
        for name, text in texts.items():
            (folder / name).write_text(text.substitute(words), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"{folder} cannot be written: {error.strerror}.", field="name") from error
    return [folder / name for name in texts]


def _words(name: str, dataset: DatasetSpec) -> Mapping[str, str]:
    """Return what stands in the template's gaps, free of what would end a text in Python or TOML."""
    column = _column(dataset)
    meaning = _quotable(dataset.columns.get(column, column))
    unit = _UNIT.search(meaning)
    label = _UNIT.sub("", meaning)[:_LONGEST_LABEL]
    return {
        "title": name.replace("_", " ").replace("-", " ").capitalize(),
        "dataset": dataset.name,
        "experiment": re.sub(r"[^a-z0-9_-]+", "-", dataset.experiment.lower()).strip("-_")[:64] or "lesson",
        "column": column,
        "expression": _expression(column, dataset.layout),
        "axis": re.sub(r"\W+", "_", column).lower(),
        "meaning": meaning,
        "unit": unit["unit"] if unit else "",
        "label": f"{label} [{unit['unit']}]" if unit else label,
        "source": _source(dataset),
    }


def _column(dataset: DatasetSpec) -> str:
    """Return the first column that looks like a number on an axis: a momentum, else what has a unit of energy."""
    names = [name for name in dataset.columns if _is_name(name)]
    for is_good in (
        lambda name: name.endswith("_pt"),
        lambda name: "[GeV]" in dataset.columns[name],
        lambda name: not name.startswith("n"),
    ):
        if found := next(filter(is_good, names), None):
            return found
    return "Muon_pt" if dataset.layout is Layout.nanoaod else "x"


def _expression(column: str, layout: Layout) -> str:
    """Return how events give a column: NanoAOD's ``Muon_pt`` is ``Muon.pt``, and flat columns have their own names."""
    collection, _, field = column.partition("_")
    return f"{collection}.{field}" if layout is Layout.nanoaod and _is_name(collection) and _is_name(field) else column


def _is_name(text: str) -> bool:
    return text.isascii() and text.isidentifier() and not keyword.iskeyword(text)


def _source(dataset: DatasetSpec) -> str:
    parts = [f"*{dataset.title}*", dataset.recid and f"CERN Open Data record {dataset.recid}", dataset.license]
    link = f", <https://doi.org/{dataset.doi}>" if dataset.doi else ""
    return ", ".join(part for part in parts if part) + f"{link}."


def _quotable(text: str) -> str:
    return "".join(char for char in text if char.isprintable() and char not in '"\\')
