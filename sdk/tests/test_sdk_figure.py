"""Histograms as the command line draws them: bars that are true, on any terminal, whatever the axes."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot
from openbeam.cli.figure import draw
from rich.console import Console


def _drawn(histogram: Any, *, width: int = 80, height: int = 60, encoding: str = "utf-8") -> list[str]:
    class Screen(StringIO):
        pass

    screen = Screen()
    console = Console(file=screen, width=width, height=height, highlight=False)
    if encoding != "utf-8":
        Screen.encoding = encoding  # type: ignore[assignment]
    draw(console, "h", histogram)
    return screen.getvalue().splitlines()


def _bars(lines: list[str]) -> list[int]:
    return [line.count("█") for line in lines if "│" in line]


def test_bars_are_as_long_as_the_bins_are_high() -> None:
    lines = _drawn(hist.Hist(hist.axis.Integer(0, 4, label="Muons")).fill([0, 1, 1, 2, 2, 2, 2]))
    one, two, four, none = _bars(lines)
    assert (one, two, none) == (pytest.approx(four / 4, abs=1), pytest.approx(four / 2, abs=1), 0)
    assert max(len(line) for line in lines) <= 80


@pytest.mark.parametrize("width", [30, 60, 200])
def test_figures_fit_the_terminal(width: int) -> None:
    drawn = _drawn(hist.Hist(hist.axis.Regular(20, 0, 1)).fill(np.linspace(0, 0.99, 5000)), width=width)
    assert max(len(line) for line in drawn) <= min(width, 100)


def test_many_bins_are_drawn_together_and_said_so() -> None:
    histogram: Any = hist.Hist(hist.axis.Regular(300, 0, 300, label="Mass [GeV]")).fill(np.arange(300))
    lines = _drawn(histogram, height=38)
    assert "300 bins drawn 10 a row" in lines[1]
    assert len(_bars(lines)) == 31
    assert lines[2].endswith(" 10")
    assert histogram.axes[0].size == 300


def test_a_large_spread_is_drawn_on_a_log_scale() -> None:
    histogram: Any = hist.Hist(hist.axis.Regular(6, 0, 6), storage=hist.storage.Int64())
    histogram[:] = np.array([1, 2, 3, 4, 5, 100_000])
    lines = _drawn(histogram)
    assert "log scale" in lines[1]
    assert all(bar > 0 for bar in _bars(lines)[:6])
    histogram[:] = np.array([1, 2, 3, 4, 5, 10])
    assert not any("log scale" in line for line in _drawn(histogram))


@pytest.mark.parametrize(
    ("histogram", "says"),
    [
        (hist.Hist(hist.axis.StrCategory(["4e", "4mu"])).fill(["4e", "zz"]), "not drawn: 1 in other categories"),
        (hist.Hist(hist.axis.StrCategory([], growth=True)), "h  Axis 0"),
        (hist.Hist(hist.axis.Boolean()).fill([True]), "1 │█"),
        (hist.Hist(hist.axis.Regular(2, 0, 1), hist.axis.Regular(2, 0, 1)), "h has 2 axes"),
        (hist.Hist(hist.axis.Regular(2, 0, 1, label="[red]\x1b[2J")).fill([0.1], weight=-2), "0.0 │ -2"),
        (hist.Hist(hist.axis.Regular(2, 0, 1e-9)).fill([1e-10]), "5e-10 │ 0"),
        (hist.Hist(hist.axis.Regular(90, 0, 1), storage=hist.storage.Mean()).fill([0.1], sample=[4]), " 4"),
    ],
)
def test_every_histogram_is_drawn_or_says_why_not(histogram: Any, says: str) -> None:
    text = "\n".join(_drawn(histogram))
    assert says in text
    assert "\x1b" not in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = "\n".join(_drawn(hist.Hist(hist.axis.Regular(2, 0, 1)).fill([0.1]), encoding="ascii"))
    assert text.isascii()
    assert "0.0 |###" in text


@pytest.mark.opendata
def test_the_z_peak_is_seen_in_real_events() -> None:
    data = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", Path(__file__).parents[3] / "shared" / "opendata"))
    sample = data / "samples" / "cms-2010-zmumu.root"
    if not sample.exists():
        pytest.skip(f"real events are not here: {sample}; set OPENBEAM_TEST_OPENDATA")
    with uproot.open(sample) as file:
        masses = file["events"]["M"].array(library="np")
    lines = _drawn(hist.Hist(hist.axis.Regular(60, 60, 120, label="Dimuon mass [GeV]")).fill(masses))
    bars = _bars(lines)
    peak = lines[2:][int(np.argmax(bars))]
    assert 88 <= float(peak.split("│")[0]) <= 92
    assert lines[-1] == "not drawn: 292 below, 4 above"
