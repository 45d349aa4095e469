"""The numbers that lessons tell are those that the analyses give, and peaks are where the field has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hist
import numpy as np
import pytest
from openbeam_catalog.catalog import load_function
from scipy.optimize import curve_fit

Histogram = hist.Hist[Any]
Run = Callable[..., dict[str, Histogram]]
Part = str | tuple[float, float] | None

pytestmark = pytest.mark.opendata

ELECTRONS = {"mass_low": 2.0, "mass_high": 4.0, "bins": 20}
J_PSI = {"window": "J/psi", "bins": 50}
Z = {"window": "Z", "bins": 50}
WENU = {"dataset": "cms-2010-wenu"}

# Analysis, settings, figure, which part of it (a name, a range, or what is on the axis), and the number in the lesson.
TOLD: list[tuple[str, dict[str, Any], str, Part, int]] = [
    ("jpsi_mumu", {}, "dimuon_mass", None, 11_691),
    ("jpsi_ee", ELECTRONS, "dielectron_mass", (2.9, 3.3), 550),
    ("jpsi_ee", ELECTRONS | {"charge": "same"}, "dielectron_mass", (2.9, 3.3), 66),
    ("jpsi_ee", {"charge": "same", "mass_low": 2, "mass_high": 5}, "dielectron_mass", None, 526),
    ("z_ee", {}, "where", "both in the barrel", 4_946),
    ("z_ee", {}, "where", "one in the barrel", 3_760),
    ("z_ee", {}, "where", "both in endcaps", 1_294),
    ("z_ee", {}, "dielectron_mass", (80, 100), 6_554),
    ("z_ee", {"charge": "opposite"}, "dielectron_mass", None, 7_591),
    ("z_ee", {"charge": "opposite"}, "dielectron_mass", (60, 80), 1_166),
    ("z_ee", {"charge": "same"}, "dielectron_mass", None, 2_409),
    ("z_ee", {"charge": "same"}, "dielectron_mass", (80, 100), 963),
    ("z_ee", {"charge": "same"}, "dielectron_mass", (60, 80), 857),
    ("z_ee", {"min_pt": 40}, "dielectron_mass", None, 2_365),
    ("z_ee", {"min_pt": 40}, "dielectron_mass", (60, 80), 16),
    ("w_transverse_mass", {"mass_high": 200}, "transverse_mass", (90, 200), 45),
    ("w_transverse_mass", WENU | {"min_missing": 25, "mass_high": 200}, "transverse_mass", None, 550),
    ("w_charge_ratio", {}, "charges", "W⁺", 587),
    ("w_charge_ratio", {}, "charges", "W⁻", 413),
    ("w_charge_ratio", {"min_pt": 40}, "charges", "W⁺", 163),
    ("w_charge_ratio", {"min_pt": 40}, "charges", "W⁻", 146),
    ("w_charge_ratio", WENU, "charges", "W⁺", 563),
    ("w_charge_ratio", WENU, "charges", "W⁻", 437),
    ("w_charge_ratio", WENU | {"min_mass": 50}, "charges", "W⁺", 352),
    ("w_charge_ratio", WENU | {"min_mass": 50}, "charges", "W⁻", 249),
    ("opposite_same_sign", {}, "charges", "opposite", 63_946),
    ("opposite_same_sign", {}, "charges", "both positive", 18_544),
    ("opposite_same_sign", {}, "charges", "both negative", 17_510),
    ("opposite_same_sign", {"min_pt": 20}, "charges", "opposite", 771),
    ("opposite_same_sign", J_PSI, "opposite_mass", (2.9, 3.3), 10_802),
    ("opposite_same_sign", J_PSI, "same_mass", (2.9, 3.3), 1_776),
    ("opposite_same_sign", J_PSI, "opposite_mass", (3.2, 3.6), 2_071),
    ("opposite_same_sign", J_PSI, "same_mass", (3.2, 3.6), 1_303),
    ("opposite_same_sign", Z, "opposite_mass", (85, 97), 314),
    ("upsilon_family", {"max_eta": 2.4}, "counted", "Υ(1S)", 351),
    ("upsilon_family", {"min_pt": 5}, "counted", "Υ(1S)", 174),
    ("psi_2s", {}, "counted", "J/ψ", 3_259),
    ("psi_2s", {}, "counted", "ψ(2S)", 291),
    ("phi_omega", {}, "counted", "ρ, ω", 266),
    ("phi_omega", {}, "counted", "φ", 251),
    ("muon_kinematics", {}, "muons_per_event", (1, 2), 13_447),
    ("muon_kinematics", {"min_pt": 20, "pt_high": 200}, "muon_pt", "", 51_815),
    ("higgs_4l", {}, "four_lepton_mass", (85, 97), 44),
    ("higgs_4l", {}, "four_lepton_mass", (100, 121), 9),
    ("higgs_4l", {}, "four_lepton_mass", (130, 169), 23),
    ("higgs_4l", {"min_z2": 20}, "four_lepton_mass", None, 62),
    ("higgs_4l", {}, "second_pair_mass", (90, 92), 10),
    ("higgs_4l", {}, "second_pair_mass", (88, 90), 28),
    ("higgs_4l", {}, "second_pair_mass", (92, 94), 20),
    ("atlas_4l", {"channel": "4 electrons"}, "cutflow", "kinds", 14),
    ("atlas_4l", {"channel": "2 electrons and 2 muons"}, "cutflow", "kinds", 232),
    ("atlas_4l", {"channel": "4 muons"}, "cutflow", "kinds", 3),
    ("atlas_4l", {"quality": "identified"}, "cutflow", "quality", 12),
    ("atlas_4l", {"quality": "identified"}, "cutflow", "80 to 250 GeV", 5),
    ("atlas_4l", {"quality": "identified and isolated"}, "cutflow", "charge", 2),
    ("atlas_4l", {}, "four_lepton_mass", (125, 130), 5),
    ("lhcb_b_hhh", {}, "b_mass", (5275, 5280), 46_363),
    ("lhcb_b_hhh", {}, "charges", "B+", 24_159),
    ("lhcb_b_hhh", {}, "charges", "B-", 24_171),
]


def content(histogram: Histogram, part: Part) -> float:
    if part is None:
        return float(histogram.sum())
    if part == "":
        return float(histogram.sum(flow=True))
    if isinstance(part, str):
        return float(histogram[part])
    edges = histogram.axes[0].edges
    first, last = (int(np.argmin(abs(edges - end))) for end in part)
    assert np.allclose(edges[[first, last]], part)
    return float(histogram.values()[first:last].sum())


@pytest.mark.parametrize(("name", "settings", "figure", "part", "told"), TOLD, ids=str)
def test_a_number_in_a_lesson_is_what_comes_out(
    run: Run, name: str, settings: dict[str, Any], figure: str, part: Part, told: int
) -> None:
    spec = load_function(name)
    events = {"cms-2011-jpsimumu": 20_000, "cms-2010-jpsiee": 2_000, "cms-2011-zee": 10_000}
    events |= {"cms-2012-higgs4l": 278, "atlas-2015-4l": 3_424, "lhcb-2017-phasespace": 50_000}
    stop = events.get(spec.datasets[0], 1_000 if name.startswith("w_") else 100_000)
    assert content(run(name, 0, stop, **settings)[figure], part) == told
    (english,) = [lesson.markdown for lesson in spec.lessons if lesson.language == "en"]
    assert f"{told:,}" in english


@pytest.mark.parametrize(
    ("name", "stop", "settings", "figure", "place", "width"),
    [
        ("jpsi_mumu", 20_000, {}, "dimuon_mass", (3.093, 0.001), (0.031, 0.001)),
        ("jpsi_mumu", 20_000, {"part": "middle"}, "dimuon_mass", (3.094, 0.001), (0.023, 0.001)),
        ("jpsi_mumu", 20_000, {"part": "near the beam"}, "dimuon_mass", (3.091, 0.003), (0.044, 0.002)),
        (
            "jpsi_ee",
            2_000,
            {"charge": "both", "mass_low": 2.6, "mass_high": 3.4, "bins": 40},
            "dielectron_mass",
            (3.075, 0.003),
            (0.088, 0.003),
        ),
        (
            "z_ee",
            10_000,
            {"mass_low": 80, "mass_high": 100, "bins": 40},
            "dielectron_mass",
            (90.69, 0.05),
            (2.7, 0.1),
        ),
    ],
    ids=str,
)
def test_a_bell_curve_on_a_line_finds_the_peak_of_the_field(
    run: Run,
    name: str,
    stop: int,
    settings: dict[str, Any],
    figure: str,
    place: tuple[float, float],
    width: tuple[float, float],
) -> None:
    """Others give these peaks: J/psi 3.093 and 0.031 GeV with muons, 3.075 and 0.088 with electrons, Z 90.69 GeV."""
    found = run(name, 0, stop, **settings)[figure]
    values, centers = found.values(), found.axes[0].centers
    middle = float(centers.mean())

    def curve(x: Any, height: float, at: float, sigma: float, base: float, slope: float) -> Any:
        return height * np.exp(-0.5 * ((x - at) / sigma) ** 2) + base + slope * (x - middle)

    start = [values.max(), centers[values.argmax()], (centers[-1] - centers[0]) / 20, values.min(), 0]
    (_, at, sigma, _, _), _ = curve_fit(curve, centers, values, start, np.sqrt(np.maximum(values, 1)))
    assert at == pytest.approx(place[0], abs=place[1])
    assert abs(sigma) == pytest.approx(width[0], abs=width[1])
