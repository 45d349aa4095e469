"""``make physics``: run every analysis of the catalog, and hold each to the numbers that others got.

Prints a row for each analysis: its data, how many events went in and how many entries came out, our number, the
reference, who says so, and how many of its numbers agree within the stated tolerance. A row shows the first number, and
those that disagree; ``--all`` shows all. Events come from the folder of
real events beside the repository (``OPENBEAM_TEST_OPENDATA``), from Python packages, from
``OPENBEAM_OPENDATA_MIRROR``, else from CERN; datasets larger than ``--largest`` are not fetched, and what was is kept
in ``.openbeam/physics``.

Exit status: 0 when every number that could be measured agrees; 1 when one does not. An analysis without events is not a
miss: its row says what is missing, and the last line counts such rows. With ``CI=true`` and the folder of real events
at hand, it is a miss too.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

from openbeam_catalog.catalog import FOLDER
from openbeam_catalog.reference import load_reference
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

sys.path.insert(0, str(Path(__file__).parent))
from support.at_hand import AtHand, opendata_folder
from support.physics import Line, Row, compare, names, remark
from support.readme import README, with_table
from support.runs import Runs

LARGEST = 0.3
KEPT = Path(__file__).parents[1] / ".openbeam" / "physics"


def table(rows: list[Row], *, every: bool) -> Table:
    """Return a table with a row for each analysis: its first number, those that disagree, and all if asked for."""
    drawn = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, padding=(0, 2, 0, 0))
    drawn.add_column("analysis\nits data", min_width=18, max_width=22, overflow="fold")
    drawn.add_column("events in\nentries out", justify="right", min_width=11)
    drawn.add_column("ours\nreference", justify="right", min_width=9)
    drawn.add_column("number\nwho says so", ratio=1, overflow="fold")
    drawn.add_column("agree", justify="right", min_width=5)
    for row in rows:
        if drawn.row_count:
            drawn.add_row()
        _add(drawn, row, every=every)
    return drawn


def _add(drawn: Table, row: Row, *, every: bool) -> None:
    start, stop = row.reference.events
    data = Text.assemble((row.name, "bold"), "\n", row.reference.dataset)
    if said := remark(row.reference):
        data.append(f"\n{said}", "italic")
    if row.missing:
        drawn.add_row(data, "–", "–", Text(row.missing, style="yellow"), "?")
        return
    if row.failure:
        drawn.add_row(data, "–", "–", Text(row.failure, style="red"), Text("✗", style="bold red"))
        return
    first, *others = row.lines
    agree = f"{sum(line.agrees for line in row.lines)}/{len(row.lines)}"
    count = Text(f"{agree} ✓", style="green") if row.agrees else Text(f"{agree} ✗", style="bold red")
    drawn.add_row(data, f"{stop - start:,}\n{row.entries:,}", *_cells(first), count)
    for line in others:
        if every or not line.agrees:
            drawn.add_row("", "", *_cells(line), "" if line.agrees else Text("✗", style="bold red"))


def _cells(line: Line) -> tuple[str, Text]:
    number = line.number
    within = f"\n± {number.tolerance:g}" if number.tolerance else ""
    ours = f"{line.found:,.0f}" if line.found.is_integer() else f"{line.found:,.6g}"
    return f"{ours}\n{number.value:,.10g}{within}", Text.assemble(number.what, "\n", (number.source, "dim"))


def verdict(rows: list[Row], *, all_at_hand: bool) -> tuple[str, int]:
    """Return the last line, and the exit status."""
    misses = [row.name for row in rows if not row.missing and not row.agrees]
    absent = [row.name for row in rows if row.missing]
    numbers = sum(len(row.lines) for row in rows)
    said = f"{len(rows) - len(misses) - len(absent)} of {len(rows)} analyses agree with others ({numbers} numbers)."
    if misses:
        said += f" DISAGREE: {', '.join(misses)}."
    if absent:
        said += f" NOT CHECKED, NO EVENTS AT HAND: {len(absent)} ({', '.join(absent)})."
    return said, int(bool(misses or (absent and all_at_hand)))


def _row(name: str, run: Runs) -> Row:
    """Return the row of an analysis, whatever it raises."""
    try:
        return compare(name, run)
    except Exception as error:  # noqa: BLE001 -- an analysis may raise anything, and the others are still to be looked at
        return Row(name, load_reference(FOLDER / name), failure=f"{type(error).__name__}: {error}")


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description="Run every analysis and hold it to the numbers that others got.")
    parser.add_argument("names", nargs="*", help="analyses; all, when none is named")
    parser.add_argument("--largest", type=float, default=LARGEST, metavar="GB", help="fetch nothing larger than this")
    parser.add_argument("--all", action="store_true", help="show every number of an analysis, not its first one alone")
    parser.add_argument("--write-readme", action="store_true", help="bring the README's table of analyses up to date")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names()):
        parser.error(f"no analysis {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    if asked.write_readme:
        README.write_text(with_table(README.read_text()))
        return 0
    opendata = opendata_folder()
    with tempfile.TemporaryDirectory(prefix="openbeam-physics-") as scratch:
        run = Runs(cache(AtHand(opendata, Path(scratch), KEPT, asked.largest).files))
        rows = [_row(name, run) for name in asked.names or names()]
    console = Console()
    console.print(table(rows, every=asked.all))
    said, status = verdict(rows, all_at_hand=opendata is not None and os.environ.get("CI") == "true")
    console.print(Text(said, style="bold red" if status else "bold"))
    return status


if __name__ == "__main__":
    sys.exit(main())
