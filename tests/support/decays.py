"""Decays of particles in plain numpy, for simulated files of small size: no matrix element, no detector."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["columns", "decay", "mass", "moving", "smeared"]

Vectors = np.ndarray[Any, np.dtype[np.float64]]
"""Rows of (px, py, pz, E), all in the same unit."""
Random = np.random.Generator


def moving(rng: Random, masses: Vectors, pt: float, rapidity: float) -> Vectors:
    """Return particles of these masses, with an exponential pt of that mean and a normal rapidity of that width."""
    count = len(masses)
    across, along, phi = rng.exponential(pt, count), rng.normal(0, rapidity, count), rng.uniform(-np.pi, np.pi, count)
    height = np.sqrt(masses**2 + across**2)
    parts = [across * np.cos(phi), across * np.sin(phi), height * np.sinh(along), height * np.cosh(along)]
    return np.stack(parts, axis=1)


def mass(vectors: Vectors) -> Vectors:
    """Return the mass of each row."""
    squared: Vectors = vectors[:, 3] ** 2 - np.sum(vectors[:, :3] ** 2, axis=1)
    return np.sqrt(np.maximum(squared, 0))


def decay(rng: Random, parent: Vectors, first: Vectors | float, second: Vectors | float) -> tuple[Vectors, Vectors]:
    """Return what each parent decays to: two particles of these masses, in any direction of its rest frame alike."""
    heavy = mass(parent)
    energy = (heavy**2 + np.square(first) - np.square(second)) / (2 * heavy)
    momentum = np.sqrt(np.maximum(energy**2 - np.square(first), 0))
    cosine, phi = rng.uniform(-1, 1, len(heavy)), rng.uniform(-np.pi, np.pi, len(heavy))
    sine = np.sqrt(1 - cosine**2)
    there = momentum[:, None] * np.stack([sine * np.cos(phi), sine * np.sin(phi), cosine], axis=1)
    one = np.column_stack([there, energy])
    two = np.column_stack([-there, heavy - energy])
    return _boosted(one, parent, heavy), _boosted(two, parent, heavy)


def smeared(rng: Random, vectors: Vectors, by: float) -> Vectors:
    """Return the vectors, each longer or shorter by a normal fraction of that width."""
    return vectors * rng.normal(1, by, len(vectors))[:, None]


def columns(vectors: Vectors) -> dict[str, Vectors]:
    """Return pt, eta, phi, mass and energy of each row."""
    pt = np.hypot(vectors[:, 0], vectors[:, 1])
    eta = np.arcsinh(vectors[:, 2] / pt)
    phi = np.arctan2(vectors[:, 1], vectors[:, 0])
    return {"pt": pt, "eta": eta, "phi": phi, "mass": mass(vectors), "energy": vectors[:, 3]}


def _boosted(vectors: Vectors, frame: Vectors, heavy: Vectors) -> Vectors:
    beta = frame[:, :3] / frame[:, 3:]
    gamma = frame[:, 3] / heavy
    along = np.sum(beta * vectors[:, :3], axis=1)
    factor = gamma**2 / (gamma + 1) * along + gamma * vectors[:, 3]
    return np.column_stack([vectors[:, :3] + factor[:, None] * beta, gamma * (vectors[:, 3] + along)])
