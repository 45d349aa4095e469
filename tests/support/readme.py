"""The table of analyses in the README, made of the catalog: data, what it shows, what it is checked against."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from openbeam.models import FunctionSpec
from openbeam_catalog.catalog import FOLDER, load_catalog
from openbeam_catalog.reference import load_reference

from support.physics import remark

__all__ = ["README", "table", "with_table"]

README: Final = Path(__file__).parents[2] / "README.md"
_CATALOG: Final = "functions_catalog/openbeam_catalog"
_HEAD: Final = "| analysis | data | it shows | checked against |\n|---|---|---|---|\n"
_TABLE: Final = re.compile(re.escape(_HEAD) + r"(\|.*\n)*")


def table() -> str:
    """Return the table, a row for each analysis."""
    return _HEAD + "".join(f"{_row(spec)}\n" for spec in load_catalog())


def with_table(text: str) -> str:
    """Return the README with its table as it should be.

    Raises
    ------
    ValueError
        When it has none.

    """
    if not _TABLE.search(text):
        raise ValueError(f"README.md has no table that begins {_HEAD.splitlines()[0]}")
    return _TABLE.sub(lambda _: table(), text)


def _row(spec: FunctionSpec) -> str:
    reference = load_reference(FOLDER / spec.name)
    data = ", ".join(filter(None, [reference.dataset, remark(reference)]))
    sources = "; ".join(dict.fromkeys(number.source for number in reference.numbers))
    cells = [f"[`{spec.name}`]({_CATALOG}/{spec.name}/lesson.en.md)", data, spec.title, sources]
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
