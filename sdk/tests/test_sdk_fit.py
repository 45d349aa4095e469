"""Fits of peaks: real events beside other programs' answers, bounds, and sentences for what does not work."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
from fit_samples import Array, contents, filled, opendata_pair_masses, peak, z_mumu
from hypothesis import given, settings
from hypothesis import strategies as some
from openbeam.errors import FitFailed, InvalidInput, UnknownParticle
from openbeam.fit import BACKGROUNDS, SIGNALS, fit
from openbeam.fit.around import Around
from openbeam.fit.bins import unit_of
from openbeam.fit.numbers import measured, quoted
from openbeam.fit.shapes import Background, Signal
from scipy import integrate, optimize, special, stats

# ------------------------------------------------------------------------------------------------ shapes
EDGES = np.array([2.8, 2.9, 2.95, 3.0, 3.04, 3.08, 3.1, 3.12, 3.2, 3.4])
DENSITIES: dict[str, tuple[tuple[float, ...], Any]] = {
    "gauss": ((3.09, 0.04), stats.norm(3.09, 0.04).pdf),
    "crystal-ball": ((3.09, 0.04, 1.3, 2.5), stats.crystalball(1.3, 2.5, 3.09, 0.04).pdf),
    "voigt": ((3.09, 0.03, 0.05), lambda x: special.voigt_profile(x - 3.09, 0.03, 0.025)),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_a_signals_shares_are_integrals_of_its_density(name: str) -> None:
    values, density = DENSITIES[name]
    integrals = np.array([integrate.quad(density, *ends, epsabs=1e-13)[0] for ends in pairwise(EDGES)])
    shares = SIGNALS[name].shares(EDGES, *values)
    np.testing.assert_allclose(shares, integrals / integrals.sum(), rtol=1e-6, atol=1e-9)


def test_every_background_is_as_many_entries_as_its_yields_say() -> None:
    for background in BACKGROUNDS.values():
        values = [3.0] * len(background.parameters)
        for share in background.shares(EDGES, *values):
            assert share.sum() == pytest.approx(1)
            assert (share >= 0).all()


def test_a_cubic_can_be_any_cubic_that_is_positive_enough() -> None:
    # Bernstein's polynomials are another basis of the same polynomials.
    part = (EDGES - 2.8) / 0.6
    wanted = np.diff(part + 0.3 * part**2 - 0.5 * part**3 + 0.2 * part**4)
    basis = np.array(BACKGROUNDS["poly3"].shares(EDGES)).T
    found, *_ = np.linalg.lstsq(basis, wanted, rcond=None)
    np.testing.assert_allclose(basis @ found, wanted, atol=1e-12)


# ------------------------------------------------------------------------------------------------ real events
def other_program(counts: Array, edges: Array, begin: list[float]) -> tuple[Array, float]:
    """Fit a Gaussian upon a constant by scipy alone; return its parameters and the distance (a G statistic)."""

    def expected(values: Array) -> Array:
        signal, mean, sigma, below = values
        cumulative = stats.norm.cdf(edges, mean, sigma)
        shares = np.diff(cumulative) / (cumulative[-1] - cumulative[0])
        return signal * shares + below * np.diff(edges) / (edges[-1] - edges[0])

    def unlikely(values: Array) -> float:
        return -float(stats.poisson.logpmf(counts, np.maximum(expected(values), 1e-9)).sum())

    found = optimize.minimize(
        unlikely, begin, method="Nelder-Mead", options={"maxiter": 8000, "xatol": 1e-7, "fatol": 1e-9}
    )
    at = found.x
    scaled = expected(at) * counts.sum() / expected(at).sum()
    return at, float(stats.power_divergence(counts, scaled, lambda_="log-likelihood").statistic)


def assert_same(histogram: Any, begin: list[float]) -> Any:
    found = fit(histogram, "gauss", "poly0")
    values, distance = other_program(histogram.values(), histogram.axes[0].edges, begin)
    for parameter, value in zip(found.parameters, values, strict=True):
        assert parameter.error is not None
        assert abs(parameter.value - value) < 0.02 * parameter.error, parameter.name
    assert found.chi2 == pytest.approx(distance, rel=1e-3)
    return found


def test_the_z_of_record_307_as_scipy_finds_it() -> None:
    found = assert_same(filled(z_mumu()["mass"], 40, 80, 100), [1500.0, 90.7, 2.3, 300.0])
    # shared by those who fitted this file before: 90.70, width 2.25
    assert found["mean"].value == pytest.approx(90.70, abs=0.15)
    assert found["sigma"].value == pytest.approx(2.25, abs=0.15)
    assert found.comparison.particle.name == "Z0"
    assert found.comparison.particle.mass == pytest.approx(91.188, abs=0.002)
    assert "below the Z0's 91.18" in found.comparison.sentence


def test_each_collision_counted_four_times_is_seen_in_chi_square() -> None:
    columns = z_mumu()
    repeated = fit(filled(columns["mass"], 30, 60, 120), "voigt", "exp")
    once = fit(filled(columns["mass"][columns["kind"] == "GG"], 30, 60, 120), "voigt", "exp")
    assert repeated.p_value < 1e-6
    assert any("counted several times" in remark for remark in repeated.remarks)
    assert once.p_value > 0.01
    assert not any("counted several times" in remark for remark in once.remarks)


@pytest.mark.opendata
def test_the_j_psi_of_record_5203_as_scipy_and_others_find_it() -> None:
    masses = opendata_pair_masses("eos/opendata/cms/Run2011A/DoubleMu/CSV/12Oct2013-v1/files/Jpsimumu.csv")
    found = assert_same(filled(masses, 60, 2.8, 3.4), [9000.0, 3.09, 0.03, 2700.0])
    assert found["mean"].value == pytest.approx(3.093, abs=0.001)
    assert found["sigma"].value == pytest.approx(0.031, abs=0.001)
    assert found.comparison.particle.name == "J/psi(1S)"


@pytest.mark.opendata
def test_electrons_of_record_302_make_a_wider_j_psi() -> None:
    masses = opendata_pair_masses("eos/opendata/cms/masterclass-2014/dielectron-Jpsi.csv")
    found = fit(filled(masses, 54, 2.6, 3.4, "Dielectron mass [GeV]"), "gauss", "poly1")
    assert found["mean"].value == pytest.approx(3.075, abs=0.01)
    assert found["sigma"].value == pytest.approx(0.088, abs=0.01)


# ------------------------------------------------------------------------------------------------ all of it
@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("background", BACKGROUNDS)
def test_each_shape_goes_with_each(signal: str, background: str) -> None:
    below = 0 if background == "none" else 2_000
    found = fit(peak(below=below), signal, background)
    assert found["mean"].value == pytest.approx(3.1, abs=0.003)
    if below:
        # It is less certain than counting alone, as some of it might be signal, and no curve makes it much more so.
        assert 0.8 * below**0.5 < (found.background_entries.error or 0) < 8 * below**0.5
    total = found["signal"].value + found.background_entries.value
    assert total == pytest.approx(found.bins.entries, rel=1e-3)
    assert found.expected.sum() == pytest.approx(total, rel=1e-6)
    assert json.loads(json.dumps(found.to_json()))["parameters"][1]["name"] == "mean"


def test_a_range_takes_the_bins_that_lie_wholly_in_it() -> None:
    found = fit(peak(), within=(2.895, 3.3))
    assert (found.bins.edges[0], found.bins.edges[-1]) == (pytest.approx(2.9), pytest.approx(3.3))
    assert len(found.pulls) == 40
    assert found.to_csv().splitlines()[1].startswith("2.9,2.91,")


def test_held_parameters_stay_where_they_are() -> None:
    found = fit(peak(), "voigt", "poly0", fix={"gamma": "pdg", "sigma": 0.03}, particle="J/psi")
    assert found["sigma"].value == 0.03
    assert found["sigma"].error is None
    assert found["gamma"].value == pytest.approx(0.0000926, abs=2e-6)
    assert (found.covariance[2] == 0).all()
    assert found.ndf == 60 - 3
    assert "(held)" in str(found["sigma"])


def test_masses_are_compared_in_the_axis_own_unit() -> None:
    gev = fit(peak())
    mev: Any = hist.Hist(hist.axis.Regular(60, 2800, 3400, name="m", label=r"$m_{\mu\mu}$ mass [MeV]"))
    mev[...] = peak().values()
    found = fit(mev)
    assert found.comparison is not None
    assert gev.comparison is not None
    assert found.comparison.difference == pytest.approx(1000 * gev.comparison.difference, rel=1e-3)
    nothing = filled(np.random.default_rng(1).normal(3.1, 0.03, 4000), 60, 2.8, 3.4, "mass")
    assert fit(nothing).comparison is None
    with pytest.raises(InvalidInput, match="does not say its unit"):
        fit(nothing, particle="J/psi")


def test_weights_give_the_uncertainties_of_their_squares() -> None:
    counted = peak()
    weighted: Any = hist.Hist(counted.axes[0], storage=hist.storage.Weight())
    weighted[...] = np.stack([0.25 * counted.values(), 0.0625 * counted.values()], axis=-1)
    light, full = fit(weighted), fit(counted)
    assert light["mean"].value == pytest.approx(full["mean"].value, rel=1e-6)
    assert light["mean"].error == pytest.approx(full["mean"].error, rel=0.01)
    assert light["signal"].error == pytest.approx(0.25 * (full["signal"].error or 0), rel=0.01)
    assert light.chi2 == pytest.approx(full.chi2, rel=1e-3)
    assert any("weights" in remark for remark in light.remarks)


def test_unequal_bins_give_the_same_peak() -> None:
    source = np.random.default_rng(3)
    values = np.concatenate([source.normal(91.0, 2.5, 9000), source.uniform(60, 120, 3000)])
    edges = np.concatenate([np.geomspace(60, 90, 30), np.linspace(91, 120, 20)])
    histogram: Any = hist.Hist(hist.axis.Variable(edges, name="mass", label="Mass [GeV]")).fill(values)
    found = fit(histogram, "gauss", "poly0")
    assert found["mean"].value == pytest.approx(91.0, abs=4 * (found["mean"].error or 0))
    assert found.p_value > 0.001


# ------------------------------------------------------------------------------------------------ what does not work
def two_axes() -> Any:
    return hist.Hist(hist.axis.Regular(2, 0, 1), hist.axis.Regular(2, 0, 1))


def names() -> Any:
    return hist.Hist(hist.axis.StrCategory(["a", "b"])).fill(["a"] * 50)


def means() -> Any:
    return hist.Hist(hist.axis.Regular(9, 0, 1), storage=hist.storage.Mean()).fill([0.5] * 50, sample=[1.0] * 50)


def bare_weights() -> Any:
    return hist.Hist(hist.axis.Regular(9, 0, 1)).fill([0.5] * 50, weight=0.3)


def negative() -> Any:
    return hist.Hist(hist.axis.Regular(9, 0, 1)).fill([0.5] * 50, weight=-1)


def many_bins() -> Any:
    return hist.Hist(hist.axis.Regular(10_001, 0, 1)).fill([0.5] * 50)


@pytest.mark.parametrize(
    ("make", "options", "words"),
    [
        (two_axes, {}, "this one has 2"),
        (names, {}, "counts by name"),
        (means, {}, "holds means"),
        (bare_weights, {}, "hist.storage.Weight()"),
        (negative, {}, "A bin is negative"),
        (many_bins, {}, "10,001 bins"),
        (peak, {"signal": "gaus"}, "Did you mean gauss"),
        (peak, {"background": "zzz"}, "Choose one of none, exp"),
        (peak, {"within": (3.4, 2.8)}, "smaller end first"),
        (peak, {"within": (math.nan, 2.8)}, "smaller end first"),
        (peak, {"within": (7.0, 8.0)}, "the axis goes from 2.8 to 3.4"),
        (peak, {"within": (3.08, 3.12)}, "holds 4 bins, too few for 5 free parameters"),
        (lambda: peak(10, 5), {}, "there are 15 entries"),
        (peak, {"fix": {"width": 1.0}}, "no parameter 'width'"),
        (peak, {"fix": {"sigma": -1.0}}, "sigma cannot be held at -1.0"),
        (peak, {"fix": {"sigma": "wide"}}, "sigma cannot be held at wide"),
        (peak, {"fix": {"mean": "pdg"}}, "name the particle"),
        (peak, {"fix": {"sigma": "pdg"}, "particle": "J/psi"}, "no sigma of the J/psi"),
        (peak, {"particle": "gamma"}, "no mass of the gamma"),
    ],
)
def test_what_cannot_be_fitted_is_refused_with_a_sentence(make: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        fit(make(), **options)


def test_an_unknown_particle_names_its_nearest() -> None:
    with pytest.raises(UnknownParticle, match=r"J/psi"):
        fit(peak(), particle="J/psii")


def test_a_peak_at_an_end_of_the_range_is_none() -> None:
    with pytest.raises(FitFailed, match="with the whole peak in its middle"):
        fit(filled(np.random.default_rng(1).normal(3.4, 0.03, 4000), 60, 2.8, 3.4))


def test_chance_is_called_chance() -> None:
    found = fit(filled(np.random.default_rng(5).uniform(2.8, 3.4, 4_000), 60, 2.8, 3.4))
    assert any("may be chance" in remark for remark in found.remarks)
    assert found.comparison is None


def test_a_parameter_at_its_limit_is_held_there_and_said() -> None:
    part = np.linspace(-1, 1, 41)
    counts = np.round(40 * part**2)[:-1]  # nothing in the middle, where a parabola must not become negative
    counts[18:22] += [200, 900, 900, 200]
    found = fit(contents(counts, 0, 1), "gauss", "poly2")
    assert found["b1"].value == 0
    assert found["b1"].error is None
    assert (found.covariance[4] == 0).all()
    assert any("b1 ended at its limit, 0" in remark for remark in found.remarks)


def test_a_peak_within_one_bin_has_no_width() -> None:
    narrow = fit(contents(np.array([0.0] * 10 + [500.0] + [0.0] * 10), 0, 1), "gauss", "none")
    assert any("narrower than a bin" in remark for remark in narrow.remarks)


@settings(max_examples=60, deadline=None)
@given(
    counts=some.lists(some.integers(0, 300), min_size=3, max_size=30),
    signal=some.sampled_from(list(SIGNALS)),
    background=some.sampled_from(list(BACKGROUNDS)),
    within=some.none()
    | some.tuples(some.floats(-0.5, 0.5), some.floats(0.3, 2))
    | some.tuples(some.floats(), some.floats()),
)
def test_whatever_comes_there_is_a_fit_of_numbers_or_a_sentence(
    counts: list[int], signal: str, background: str, within: tuple[float, float] | None
) -> None:
    said = ""
    try:
        found = fit(contents(np.array(counts, dtype=float), 0, 1), signal, background, within=within)
    except (InvalidInput, FitFailed) as error:
        said = str(error)
    if said:
        assert said[-1] in ".)"
        return
    assert np.isfinite([found.chi2, found.p_value, *found.values, *found.pulls]).all()
    assert all(parameter.error is None or parameter.error > 0 for parameter in found.parameters)
    assert found.bins.edges[0] < found["mean"].value < found.bins.edges[-1]


# ------------------------------------------------------------------------------------------------ words
@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (90.7004, 0.0712, "90.700 ± 0.071"),
        (1234.5, 99.7, "1,230 ± 100"),
        (1234567.0, 4321.0, "1,234,600 ± 4,300"),
        (0.00012345, 0.0000021, "0.0001234 ± 0.0000021"),
        (-3.0, 0.5, "\N{MINUS SIGN}3.00 ± 0.50"),
        (5.0, 0.0, "5"),
        (1e12, 1e6, "1e+12 ± 1e+06"),
    ],
)
def test_numbers_have_the_places_that_their_uncertainty_allows(value: float, error: float, text: str) -> None:
    assert measured(value, error) == text


def test_a_tables_numbers_keep_the_tables_places() -> None:
    assert quoted(3.0969, 0.000006, "GeV") == "3.096900 ± 0.000006 GeV"
    assert quoted(91.1879, 0.002, "GeV") == "91.1879 ± 0.0020 GeV"
    assert quoted(91.1879, 0.0) == "91.1879"


@pytest.mark.parametrize(
    ("label", "unit"),
    [("Mass [GeV]", "GeV"), ("m (MeV/c^2)", "MeV"), (r"$m_{\mu\mu}$ [$\mathrm{GeV}$] (all)", "GeV"), ("pT GeV", "")],
)
def test_the_unit_is_in_the_last_brackets(label: str, unit: str) -> None:
    assert unit_of(label) == unit


def test_a_notebook_shows_a_table_that_no_label_can_break() -> None:
    found = fit(filled(np.random.default_rng(1).normal(3.1, 0.03, 4000), 60, 2.8, 3.4, "<b>mass</b> [GeV]"))
    assert repr(found).startswith("<Fit of Gaussian upon a straight line, 2.8 to 3.4 GeV, 4,000 entries in 60 bins: ")
    shown = found._repr_html_()
    assert "<th>Position of the peak</th><td>3." in shown
    assert "PDG 20" in shown
    assert "<b>" not in shown


def test_figures_show_each_kind_of_fit(tmp_path: Path) -> None:
    from matplotlib.image import imread

    path = tmp_path / "fit.png"
    fit(peak(), "voigt", "poly2").plot(path, around=Around("CMS", "Open Data", "pp, 7 TeV", "Incomplete", ("a",)))
    picture = imread(path)
    assert picture.shape[:2] == (1216, 1600)
    assert (picture[..., :3] < 0.98).any(axis=2).mean() > 0.02
    fit(peak(), "gauss", "none", within=(3.0, 3.2)).plot(tmp_path / "fit.pdf")
    assert (tmp_path / "fit.pdf").read_bytes().startswith(b"%PDF")


def test_without_the_extra_the_error_names_it() -> None:
    code = (
        "import sys; sys.modules['iminuit'] = None\n"
        "from openbeam.errors import NotInstalled\n"
        "try:\n    import openbeam.fit\nexcept NotInstalled as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.startswith("Fits need the package iminuit, which is not installed here.")
    assert "pip install 'openbeam[fit]'" in done.stdout


def test_shapes_are_what_their_tables_say() -> None:
    assert all(isinstance(shape, Signal) and shape.parameters[0].name == "mean" for shape in SIGNALS.values())
    assert all(isinstance(shape, Background) for shape in BACKGROUNDS.values())
