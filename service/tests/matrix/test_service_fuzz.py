"""Every documented route under schemathesis, as each kind of caller: no fault, and no answer that is not documented.

``make test`` sends a few requests to each route, the same ones every time; ``make fuzz`` sends many, as everybody.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from matrix_table import load
from matrix_world import API, World

FOLDER = Path(__file__).parent / "fuzz"
PHASES = {
    "nobody": "fuzzing",
    "student": "fuzzing",
    "teacher": "coverage,fuzzing",
    "admin": "fuzzing",
    "agent": "fuzzing",
}
EXAMPLES = os.environ.get("OPENBEAM_FUZZ_EXAMPLES", "")
"""How many requests of each sort a route gets; with it, all callers go through all phases."""
SEED = os.environ.get("OPENBEAM_FUZZ_SEED", "1")


@pytest.fixture(scope="module")
def fuzzed(start_for_module: Callable[..., Any]) -> Iterator[World]:
    """Return a service that has no other tests."""
    made = World(start_for_module(OPENBEAM_MAX_UPLOAD_BYTES="100000"))
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def config(fuzzed: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the configuration, with the ids of everything that the matrix knows to make."""
    known = [make(fuzzed) for make in load().things.values()]
    path = tmp_path_factory.mktemp("fuzz") / "schemathesis.toml"
    path.write_text(
        f"{(FOLDER / 'schemathesis.toml').read_text()}\n[dictionaries.known]\nvalues = {json.dumps(known)}\n"
    )
    return path


@pytest.mark.timeout(3600 if EXAMPLES else 180)
@pytest.mark.parametrize("caller", PHASES)
def test_no_answer_is_a_fault_or_undocumented(fuzzed: World, config: Path, caller: str) -> None:
    phases = "coverage,fuzzing,stateful" if EXAMPLES else PHASES[caller]
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"]
    command += [f"{fuzzed.service.url}{API}/openapi.json", "--phases", phases]
    command += ["--max-examples", EXAMPLES or "3", "--seed", SEED]
    token = fuzzed.http[caller].headers.get("authorization")
    command += ["--header", f"Authorization: {token}"] if token else []
    environment = {**os.environ, "PYTHONPATH": str(FOLDER)}
    done = subprocess.run(command, cwd=config.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
