"""What the Particle Data Group says of a particle, as the ``particle`` package has it, and how a fit compares."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from openbeam.errors import InvalidInput, UnknownParticle
from openbeam.fit.numbers import measured, plain_number, quoted

__all__ = ["Comparison", "Known", "compare", "known", "nearest_known", "well_known"]

# Standard deviations beyond which chance goes once in twenty times.
_AGREE: Final = 2.0
_MEV: Final = {"keV": 1e-3, "MeV": 1.0, "GeV": 1e3, "TeV": 1e6}
_ALIASES: Final = {
    "B": "B0",
    "H": "H0",
    "Higgs": "H0",
    "J/psi": "J/psi(1S)",
    "J/ψ": "J/psi(1S)",
    "Jpsi": "J/psi(1S)",
    "K_S": "K(S)0",
    "KS": "K(S)0",
    "Upsilon": "Upsilon(1S)",
    "W": "W+",
    "Z": "Z0",
    "omega": "omega(782)",
    "phi": "phi(1020)",
    "pi": "pi+",
    "rho": "rho(770)0",
    "Υ": "Upsilon(1S)",
    "φ": "phi(1020)",
    "ω": "omega(782)",
}
# PDG's numbers of peaks that pupils meet.
_LIGHT: Final = (111, 221, 310, 223, 333, 3122)
"""pi0, eta, K_S, omega, phi, Lambda."""
_HEAVY: Final = (421, 411, 443, 100443, 521, 511, 531, 553, 100553, 200553, 24, 23, 25)
"""D0, D+, J/psi, psi(2S), B+, B0, B_s, three Upsilons, W, Z, H."""


@dataclass(frozen=True)
class Known:
    """A particle's mass and width, with their uncertainties, in the unit that was asked for."""

    name: str
    unit: str
    mass: float
    mass_error: float
    width: float | None
    """None where none is known."""
    width_error: float
    source: str

    def quoted_mass(self) -> str:
        """Return the mass with its uncertainty."""
        return quoted(self.mass, self.mass_error, self.unit)

    def natural_width(self) -> str:
        """Return the particle's name with its width; 0 when none is known."""
        return f"{self.name} it is {quoted(self.width or 0.0, self.width_error, self.unit)} ({self.source})"


@dataclass(frozen=True)
class Comparison:
    """A fitted mass beside the known one."""

    particle: Known
    difference: float
    deviations: float
    """The difference in standard deviations, both uncertainties taken together."""
    sentence: str


def known(name: str, unit: str) -> Known:
    """Return what is known of a particle, by name (``Z0``, ``J/psi(1S)``, or short: ``Z``) or PDG number.

    Raises
    ------
    UnknownParticle
        When there is none of that name; names the nearest.
    InvalidInput
        When its mass is not known, or the unit is none of energy.

    """
    if unit not in _MEV:
        raise InvalidInput(
            "The axis does not say its unit, so its masses cannot be compared. Label it with one: 'Mass [GeV]'.",
            field="particle",
        )
    return _known(_particle(name), unit)


def well_known(low: float, high: float, unit: str) -> list[Known]:
    """Return the particles of every lesson whose mass lies in a range, lightest first."""
    from particle import Particle

    if unit not in _MEV:
        return []
    found = [_known(Particle.from_pdgid(number), unit) for number in (*_LIGHT, *_HEAVY)]
    return sorted((one for one in found if low <= one.mass <= high), key=lambda one: one.mass)


def nearest_known(mass: float, low: float, high: float, unit: str) -> Known | None:
    """Return the well-known particle in the range whose mass is nearest."""
    return min(well_known(low, high, unit), key=lambda one: abs(one.mass - mass), default=None)


def compare(mass: float, error: float, particle: Known) -> Comparison:
    """Compare a fitted mass with the known one; ``error`` is 0 where it was not free."""
    difference = mass - particle.mass
    together = float((error**2 + particle.mass_error**2) ** 0.5)
    deviations = abs(difference) / together if together else 0.0
    book = f"{particle.quoted_mass()} ({particle.source})"
    mine = measured(mass, error, particle.unit)
    theirs = f"the {particle.name}'s {book}"
    if not error:
        sentence = f"The mass was held at {mine}; compare with {theirs}."
    elif deviations < _AGREE:
        sentence = f"{mine} agrees with {theirs}: they are {deviations:.1f} standard deviations apart."
    else:
        side = "below" if difference < 0 else "above"
        gap = plain_number(float(f"{abs(difference):.2g}"))
        sentence = (
            f"{mine} is {gap} {particle.unit} {side} {theirs}: {deviations:.1f} standard deviations. These know of "
            "the counting alone; the detector's scale, lost photons and the choice of the curve move the peak, too."
        )
    return Comparison(particle, difference, deviations, sentence)


def _particle(name: str) -> Any:
    from particle import InvalidParticle, Particle, ParticleNotFound

    wanted = _ALIASES.get(name, name)
    try:
        return Particle.from_pdgid(int(wanted)) if re.fullmatch(r"-?\d{1,9}", wanted) else Particle.from_name(wanted)
    except (ParticleNotFound, InvalidParticle):
        names = {str(one.name) for one in Particle.all()} | set(_ALIASES)
        raise UnknownParticle.among(name, sorted(names)) from None


def _known(particle: Any, unit: str) -> Known:
    if particle.mass is None or particle.mass <= 0:
        raise InvalidInput(
            f"The PDG's table has no mass of the {particle.name}. Name another particle.", field="particle"
        )
    size = _MEV[unit]
    return Known(
        name=str(particle.name),
        unit=unit,
        mass=particle.mass / size,
        mass_error=max(particle.mass_upper or 0.0, particle.mass_lower or 0.0) / size,
        width=None if particle.width is None else particle.width / size,
        width_error=max(particle.width_upper or 0.0, particle.width_lower or 0.0) / size,
        source=_source(),
    )


def _source() -> str:
    """Name the edition of the Review of Particle Physics that the package's table is from."""
    from particle import Particle

    Particle.from_pdgid(23)  # the table is loaded at first use, and has no name before
    year = re.search(r"particle(\d{4})\.csv", " ".join(Particle.table_names()))
    return f"PDG {year.group(1)}" if year else "PDG"
