"""The cast of the authorisation matrix: one service, and everybody who may knock at its doors."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from matrix_world import World


@pytest.fixture(scope="session")
def world(start_for_all: Callable[..., Any]) -> Iterator[World]:
    """Return a service of this folder's own, with its cast signed in."""
    made = World(start_for_all())
    try:
        yield made
    finally:
        made.close()
