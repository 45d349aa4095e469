"""The same fits by another program: RooFit of ROOT 6.40 (RooAddPdf, extended, RooDataHist, IntegrateBins(1e-6), Hesse).

Its Gaussian, crystal ball, Voigt profile and exponential are RooGaussian, RooCBShape, RooVoigtian and RooExponential.
The numbers here are what it printed for the same bins of real events.
"""

from __future__ import annotations

from typing import Any

import pytest
from fit_samples import filled, opendata_pair_masses, z_mumu
from openbeam.fit import fit

JPSI = "eos/opendata/cms/Run2011A/DoubleMu/CSV/12Oct2013-v1/files/Jpsimumu.csv"
Z_CASES: dict[tuple[str, str], dict[str, tuple[float, float]]] = {
    ("voigt", "exp"): {
        "signal": (1811.32490, 50.96571),
        "mean": (90.7607658, 0.0698571),
        "sigma": (1.4865367, 0.2040471),
        "gamma": (2.6673502, 0.3521233),
        "background": (114.69364, 30.01544),
        "slope": (-0.09188816, 0.02742624),
    },
    ("gauss", "exp"): {
        "signal": (1579.54678, 43.11484),
        "mean": (90.7447387, 0.0722879),
        "sigma": (2.5345922, 0.0686790),
        "background": (346.41559, 25.02146),
        "slope": (-0.02967397, 0.00523317),
    },
}
JPSI_CASES: dict[tuple[str, str], dict[str, tuple[float, float]]] = {
    ("gauss", "poly0"): {
        "signal": (8918.25543, 102.29718),
        "mean": (3.09229934, 0.00037837),
        "sigma": (0.03129896, 0.00034440),
        "background": (2772.27289, 65.72469),
    },
    ("crystal-ball", "exp"): {
        "signal": (9190.27743, 108.82385),
        "mean": (3.09346182, 0.00039489),
        "sigma": (0.03034144, 0.00037760),
        "alpha": (1.70428874, 0.06510491),
        "background": (2500.76343, 71.78549),
        "slope": (-1.07968040, 0.12807490),
    },
    ("voigt", "exp"): {
        "signal": (9751.05177, 130.56063),
        "mean": (3.09271112, 0.00036743),
        "sigma": (0.02241760, 0.00096614),
        "gamma": (0.02285244, 0.00210540),
        "background": (1939.84573, 96.09003),
        "slope": (-1.85519805, 0.17215509),
    },
}


def assert_same(histogram: Any, shapes: tuple[str, str], theirs: dict[str, tuple[float, float]]) -> None:
    """Assert that each parameter is theirs, within what makes no difference, and as certain."""
    found = fit(histogram, *shapes, fix={"n": 3.0} if shapes[0] == "crystal-ball" else {})
    assert {one.name for one in found.parameters if one.error is not None} == set(theirs)
    for name, (value, error) in theirs.items():
        assert abs(found[name].value - value) < 0.03 * error, name
        assert found[name].error == pytest.approx(error, rel=0.04), name


@pytest.mark.parametrize("shapes", Z_CASES)
def test_the_z_of_record_307_is_the_one_of_roofit(shapes: tuple[str, str]) -> None:
    assert_same(filled(z_mumu()["mass"], 40, 70, 110), shapes, Z_CASES[shapes])


@pytest.mark.opendata
@pytest.mark.parametrize("shapes", JPSI_CASES)
def test_the_j_psi_of_record_5203_is_the_one_of_roofit(shapes: tuple[str, str]) -> None:
    assert_same(filled(opendata_pair_masses(JPSI), 60, 2.8, 3.4), shapes, JPSI_CASES[shapes])
