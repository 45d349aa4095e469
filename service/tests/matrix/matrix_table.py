"""The tables of the authorisation matrix: every route, every caller, the status that they get.

Each file in ``features`` has three names. ``TABLE`` is text::

                                             nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
    GET  /api/v1/functions/{ref=function}       401   404     404     200      404   200   403    403  401        401
    POST /api/v1/functions +spec                401   403     201     201      201   201   403    403  401        401
    GET  /oauth/jwks                            200

A row is a method, a path as OpenAPI writes it, perhaps a body, and a status for each caller; one status is everybody's.
``{ref=function}`` fills the path's parameter ``ref`` by ``THINGS["function"]``, ``+spec`` sends ``BODIES["spec"]``:
both are functions of the world. The first gives the id of something that it has made for the teacher, the second the
arguments for httpx. A route may have several rows, for several things.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matrix_world import CALLERS, HOSTED, World

Thing = Callable[[World], str]
Body = Callable[[World], dict[str, Any]]
FOLDER = Path(__file__).parent / "features"

_FILLED = re.compile(r"{(\w+)=(\w+)}")


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    method: str
    path: str
    """With what fills its parameters, and perhaps a query."""
    body: str
    expected: dict[str, int]

    @property
    def route(self) -> tuple[str, str]:
        """The route as OpenAPI knows it."""
        return self.method, _FILLED.sub(r"{\1}", self.path).partition("?")[0]

    @property
    def things(self) -> list[str]:
        """What it needs to be made."""
        return [name for _, name in _FILLED.findall(self.path)]

    def url(self, ids: dict[str, str]) -> str:
        """Return the address, with these things in it."""
        return _FILLED.sub(lambda found: ids[found[2]], self.path)

    def __str__(self) -> str:
        return " ".join(filter(None, (self.method, self.path, self.body and f"+{self.body}")))


@dataclass
class Matrix:
    """All tables together."""

    rows: list[Row] = field(default_factory=list)
    things: dict[str, Thing] = field(default_factory=dict)
    bodies: dict[str, Body] = field(default_factory=dict)


def parse(table: str) -> list[Row]:
    """Return the rows of a table, whose first line names the callers."""
    head, *lines = (line.split() for line in table.strip().splitlines() if line.strip())
    assert tuple(head) in {CALLERS, HOSTED}, f"the table's head must be {' '.join(CALLERS)}, and perhaps host"
    return [_row(head, words) for words in lines]


def _row(callers: list[str], words: list[str]) -> Row:
    method, path, *rest = words
    body = rest.pop(0).removeprefix("+") if rest[0].startswith("+") else ""
    statuses = [int(word) for word in rest] * (len(callers) if len(rest) == 1 else 1)
    return Row(method, path, body, dict(zip(callers, statuses, strict=True)))


def load() -> Matrix:
    """Read all files of the folder; a name that two of them give is a mistake."""
    matrix = Matrix()
    for file in sorted(FOLDER.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"matrix_of_{file.stem}", file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        matrix.rows += parse(module.TABLE)
        for known, more in ((matrix.things, module.THINGS), (matrix.bodies, module.BODIES)):
            assert not known.keys() & more.keys(), f"{file.name} uses a name again: {known.keys() & more.keys()}"
            known.update(more)
    return matrix
