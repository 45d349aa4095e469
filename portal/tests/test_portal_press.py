"""Final figures: real PNGs, drawn off the portal's process, within bounds."""

from __future__ import annotations

import io
import sys
import threading
import time
from contextlib import suppress
from typing import Any

import hist
import matplotlib.image
import numpy as np
import psutil
import pytest
from openbeam.histograms import to_uhi
from openbeam_portal.figure.picture import Picture
from openbeam_portal.figure.press import Press, PressBusy, PressFailed, press

Histogram = hist.Hist[Any]


def pixels(png: bytes) -> np.ndarray[Any, Any]:
    """Return the picture as numbers, rows by columns by RGB."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    picture = matplotlib.image.imread(io.BytesIO(png))[..., :3]
    assert picture.shape == (1216, 1600, 3)
    return picture


def ink(picture: np.ndarray[Any, Any]) -> float:
    """Return the share of pixels that are not white."""
    return float((picture < 0.98).any(axis=2).mean())


def peak(**more: Any) -> Histogram:
    """Return a peak at 91."""
    axis = hist.axis.Regular(60, 60, 120, name="mass", label="Dimuon mass [GeV]")
    for name, value in more.items():
        setattr(axis, name, value)
    histogram: Histogram = hist.Hist(axis, name="mass", label="Events / GeV")
    return histogram.fill(91 + 2.5 * np.tan(np.pi * (np.linspace(0.01, 0.99, 2304) - 0.5)))


def spectrum() -> Histogram:
    """Return 300 bins on a log axis, over six decades."""
    axis = hist.axis.Variable(np.geomspace(0.25, 300, 301), name="mass", label=r"$m_{\mu\mu}$ [GeV]")
    axis.scale = "log"
    axis.marks = "3.097 = J/ψ; 91.19 = Z"
    histogram: Histogram = hist.Hist(axis, name="mass", label="Events / bin")
    histogram[...] = 1e6 / (1 + np.abs(np.linspace(-40, 40, 300)) ** 3)
    return histogram


def cutflow() -> Histogram:
    """Return counts by name."""
    histogram: Histogram = hist.Hist(hist.axis.StrCategory(["all", "two muons"], name="cut"), label="Events")
    histogram[...] = [100_000, 48_976]
    return histogram


def plane() -> Histogram:
    """Return a histogram on two axes."""
    first = hist.axis.Regular(20, 0, 10, name="x", label="x [GeV]")
    histogram: Histogram = hist.Hist(first, hist.axis.Regular(20, 0, 10, name="y"))
    return histogram.fill([1, 2, 3, 3], [4, 5, 6, 6])


def profile() -> Histogram:
    """Return a mean in each bin."""
    histogram: Histogram = hist.Hist(hist.axis.Regular(5, 0, 5, name="x"), storage=hist.storage.Mean())
    return histogram.fill([1.5, 1.5, 2.5], sample=[2.0, 3.0, 4.0])


FIGURES = {"peak": peak, "spectrum": spectrum, "cutflow": cutflow, "plane": plane, "profile": profile}


@pytest.mark.parametrize("name", FIGURES)
def test_each_kind_of_histogram_is_drawn(name: str) -> None:
    about = Picture(to_uhi(FIGURES[name]()), "CMS", "Open Data", "pp, 8 TeV (2012)", provenance=("z_mumu@1", "run 1"))
    picture = pixels(press.draw(about))
    assert 0.01 < ink(picture) < 0.6
    assert ink(picture[:110, :]) > 0.005, "the header is empty"
    assert ink(picture[-110:, :]) > 0.003, "the provenance is empty"


@pytest.mark.parametrize("experiment", ["ATLAS", "LHCb", "Unheard of"])
def test_each_experiment_has_its_style(experiment: str) -> None:
    assert ink(pixels(press.draw(Picture(to_uhi(peak()), experiment, "Open Data")))) > 0.01


def test_an_incomplete_figure_says_so_on_its_face() -> None:
    whole = pixels(press.draw(Picture(to_uhi(peak()), "CMS", "Open Data")))
    notice = "Incomplete: 804 of 2,304 events are missing"
    part = pixels(press.draw(Picture(to_uhi(peak()), "CMS", "Open Data", notice=notice)))

    def orange(picture: np.ndarray[Any, Any]) -> int:
        red, green, blue = np.moveaxis(picture[100:300], 2, 0)
        return int(((red > 0.6) & (green < 0.45) & (blue < 0.2)).sum())

    assert orange(whole) == 0
    assert orange(part) > 1000


def test_formulas_that_are_none_are_set_letter_by_letter() -> None:
    for label in ("cost [$]", r"$\nonsense{$", "a $ b $ c_"):
        axis = hist.axis.Regular(3, 0, 3, name="x", label=label)
        histogram: Histogram = hist.Hist(axis)
        assert ink(pixels(press.draw(Picture(to_uhi(histogram), "CMS", "Open Data")))) > 0.005


def test_the_file_knows_where_it_is_from() -> None:
    png = press.draw(Picture(to_uhi(peak()), metadata={"Title": "z_mumu@1", "Description": "run 7"}))
    assert b"tEXtTitle\x00z_mumu@1" in png
    assert b"tEXtDescription\x00run 7" in png


def test_three_axes_have_no_picture() -> None:
    axes = [hist.axis.Regular(2, 0, 1, name=name) for name in "xyz"]
    histogram: Histogram = hist.Hist(*axes)
    with pytest.raises(PressFailed, match="3 axes"):
        press.draw(Picture(to_uhi(histogram)))


# ------------------------------------------------------------------------------------------------ the press
def workers() -> list[psutil.Process]:
    """Return the processes that this one has started."""
    return [child for child in psutil.Process().children() if "openbeam_portal.figure.worker" in child.cmdline()]


def test_figures_come_from_another_process_one_after_the_other() -> None:
    about = Picture(to_uhi(peak()), "CMS", "Open Data", provenance=("a", "b"))
    first = press.draw(about)
    pixels(first)
    (worker,) = workers()
    with pytest.raises(PressFailed, match="not a histogram"):
        press.draw(Picture({"axes": "none"}))
    assert press.draw(about) == first
    assert workers() == [worker]


SILENT = (sys.executable, "-c", "import sys; sys.stdin.read()")
HASTY = (sys.executable, "-c", "import sys; sys.stdin.readline(); print('{\"size\": 100}')")
NOTHING = Picture({})


def silent_ones() -> list[psutil.Process]:
    """Return the processes that never answer, those left out that are ending."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if SILENT[-1] in child.cmdline():
                found.append(child)
    return found


def test_a_figure_that_takes_too_long_is_given_up_and_its_process_killed() -> None:
    slow = Press(timeout=0.5, command=SILENT)
    began = time.monotonic()
    with pytest.raises(PressFailed):
        slow.draw(NOTHING)
    assert time.monotonic() - began < 5
    assert not silent_ones()


def test_a_process_that_died_is_started_again() -> None:
    mortal = Press(command=SILENT)
    mortal.warm()
    (first,) = silent_ones()
    first.kill()
    first.wait(10)
    mortal.warm()
    (second,) = silent_ones()
    assert second.pid != first.pid
    mortal.close()
    assert not silent_ones()


def test_a_picture_cut_short_is_none() -> None:
    with pytest.raises(PressFailed, match="cut short"):
        Press(command=HASTY).draw(NOTHING)


def test_who_waits_too_long_is_told_so() -> None:
    slow = Press(timeout=1.0, patience=0.1, command=SILENT)

    def give_up() -> None:
        with pytest.raises(PressFailed):
            slow.draw(NOTHING)

    first = threading.Thread(target=give_up)
    first.start()
    time.sleep(0.3)
    with pytest.raises(PressBusy):
        slow.draw(NOTHING)
    first.join(10)


def test_a_press_without_work_rests() -> None:
    lazy = Press(rest=0.3, command=SILENT)
    lazy.warm()
    assert silent_ones()
    end = time.monotonic() + 10
    while silent_ones() and time.monotonic() < end:
        time.sleep(0.05)
    assert not silent_ones()
