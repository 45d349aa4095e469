"""Fits in the portal: a form below a finished figure, made by the press, told in a table and sentences."""

from __future__ import annotations

from typing import Any

import hist
import numpy as np
import pytest
from openbeam.errors import FitFailed, InvalidInput, UnknownParticle
from openbeam.histograms import to_uhi
from openbeam_portal.figure.peak import Wanted
from openbeam_portal.figure.picture import Picture
from openbeam_portal.figure.press import press
from openbeam_portal.words import en as words
from portal_kit import opened, texts
from portal_samples import cutflow, spectrum
from streamlit.testing.v1 import AppTest

GAUSS = Wanted("gauss", "poly0", 80.0, 102.0, "auto", natural_width=False)


def line(**more: Any) -> Wanted:
    return Wanted(**{**vars(GAUSS), **more})


def opened_on(service: Any, histograms: dict[str, Any], **provenance: Any) -> tuple[AppTest, str]:
    """Return the page of a finished run, and how its fit's widgets are named."""
    run = service.make()
    run = service.add(run.model_copy(update={"provenance": run.provenance.model_copy(update=provenance)}), histograms)
    return opened("analysis", function="z_mumu", run=run.id), f"{run.id} {next(iter(histograms))}"


def press_fit(at: AppTest, name: str) -> AppTest:
    at.button(key=f"fit-button {name}").click().run(timeout=60)
    assert not at.exception
    return at


# ------------------------------------------------------------------------------------------------ the press
def test_the_press_fits_and_draws() -> None:
    made = press.fit(Picture(spectrum(50_000), "CMS", "Open Data", provenance=("z_mumu@1",)), GAUSS)
    assert made.png.startswith(b"\x89PNG")
    assert [title for title, _ in made.rows][:3] == ["Signal", "Position of the peak", "Width σ"]
    assert made.rows[1][1].startswith("91.0")
    assert any("(PDG 20" in sentence for sentence in made.sentences)
    assert made.csv.splitlines()[1].startswith("80,81,")
    assert not made.csv.splitlines()[1].endswith("simulated")
    simulated = press.fit(Picture(spectrum(50_000)), line(simulated=True))
    assert all(row.endswith(",simulated") for row in simulated.csv.splitlines())


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        (line(signal="bell"), InvalidInput, "no signal 'bell'"),
        (line(low=80.0, high=82.0), InvalidInput, "too few"),
        (line(particle="Zed"), UnknownParticle, "no particle named 'Zed'"),
        (line(low=60.0, high=91.0, background="none"), FitFailed, "an end of the range"),
    ],
)
def test_what_the_press_cannot_fit_it_says(wanted: Wanted, kind: type[Exception], said: str) -> None:
    with pytest.raises(kind, match=said):
        press.fit(Picture(spectrum(50_000)), wanted)


# ------------------------------------------------------------------------------------------------ the page
def test_a_finished_histogram_can_be_fitted(service: Any) -> None:
    at, name = opened_on(service, {"mass": spectrum(40_000)})
    assert words.FIT_TITLE in [expander.label for expander in at.expander]
    assert len(at.download_button) == 2
    at.selectbox(key=f"fit-signal {name}").set_value("Voigt: Breit–Wigner ⊗ Gaussian")
    at.selectbox(key=f"fit-with {name}").set_value("Z")
    at.checkbox(key=f"fit-width {name}").check()
    at.select_slider(key=f"fit-range {name}").set_range(75.0, 110.0)
    press_fit(at, name)
    read = texts(at)
    assert "| Natural width Γ | 2\\.4955 GeV \\(held\\) |" in read
    assert "75 to 110 GeV" in read
    assert "the Z0's 91\\.1879" in read
    assert [button.label for button in at.download_button][2:] == [words.FIT_PNG, words.FIT_CSV]
    # It stays while other widgets are touched.
    at.slider(key="bins").set_value(30).run()
    assert len(at.download_button) == 4


def test_a_fit_that_cannot_be_made_says_what_to_do(service: Any) -> None:
    at, name = opened_on(service, {"mass": spectrum(40_000)})
    at.checkbox(key=f"fit-width {name}").check()
    at.selectbox(key=f"fit-signal {name}").set_value("Voigt: Breit–Wigner ⊗ Gaussian")
    press_fit(at, name)
    assert "name the particle" in at.error[0].value
    assert len(at.download_button) == 2


def test_counts_by_name_and_maps_and_means_are_not_offered(service: Any) -> None:
    plane: Any = hist.Hist(hist.axis.Regular(3, 0, 1, name="x"), hist.axis.Regular(3, 0, 1, name="y"))
    mean: Any = hist.Hist(hist.axis.Regular(3, 0, 1, name="x"), storage=hist.storage.Mean())
    for histogram in (cutflow(30), to_uhi(plane), to_uhi(mean.fill([0.5], sample=[1.0]))):
        at, _ = opened_on(service, {"one": histogram})
        assert words.FIT_TITLE not in [expander.label for expander in at.expander]


def test_an_axis_whose_bins_grow_begins_around_its_tallest_bin(service: Any) -> None:
    axis = hist.axis.Regular(300, 0.25, 300, name="mass", label="Dimuon mass [GeV]", transform=hist.axis.transform.log)
    histogram: Any = hist.Hist(axis).fill(np.random.default_rng(1).normal(3.1, 0.05, 3000))
    at, name = opened_on(service, {"mass": to_uhi(histogram)})
    low, high = at.select_slider(key=f"fit-range {name}").value
    assert 1.5 < low < 3.0
    assert 3.2 < high < 6.0
    press_fit(at, name)
    assert "J/psi\\(1S\\)" in texts(at)
