"""The authorisation matrix: every route, for everybody who may knock. ``matrix_table`` says how to read the tables."""

from __future__ import annotations

from collections import Counter

import pytest
from fastapi.routing import iter_route_contexts
from matrix_table import Row, load
from matrix_world import API, World
from openbeam_service.app import create_app

MATRIX = load()
_SAFE = {"GET", "HEAD"}


def _documented(world: World) -> set[tuple[str, str]]:
    document = world.http["nobody"].get(f"{API}/openapi.json").json()
    return {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}


def _served(world: World) -> set[tuple[str, str]]:
    """Return what the application answers to, in the document or not; HEAD goes with GET, files below /static too."""
    routes = iter_route_contexts(create_app(world.service.settings).routes)
    return {
        (method, str(one.path_format or one.path))
        for one in routes
        for method in (one.methods or ())
        if method != "HEAD"
    }


def test_every_route_has_a_row_and_every_row_a_route(world: World) -> None:
    rows, served = {row.route for row in MATRIX.rows}, _served(world)
    assert _documented(world) <= served
    assert sorted(served - rows) == [], "routes without a row in service/tests/matrix/features"
    assert sorted(rows - served) == [], "rows without a route"


def test_no_row_is_there_twice() -> None:
    assert [row for row, count in Counter(map(str, MATRIX.rows)).items() if count > 1] == []


def test_every_thing_and_every_body_is_used() -> None:
    assert {name for row in MATRIX.rows for name in row.things} == MATRIX.things.keys()
    assert {row.body for row in MATRIX.rows if row.body} == MATRIX.bodies.keys()


@pytest.mark.parametrize("row", MATRIX.rows, ids=str)
def test_everybody_gets_the_status_of_the_table(world: World, row: Row) -> None:
    assert _answers(world, row) == row.expected


@pytest.mark.parametrize("row", [row for row in MATRIX.rows if row.expected["agent"] == 403], ids=str)
def test_what_an_agent_may_not_do_a_host_may_not_do_either(world: World, row: Row) -> None:
    expected = row.expected.get("host", 403)
    ids = {name: MATRIX.things[name](world) for name in row.things}
    content = MATRIX.bodies[row.body](world) if row.body else {}
    with world.http["host"].stream(row.method, row.url(ids), **content) as answer:
        assert answer.status_code == expected


def _answers(world: World, row: Row) -> dict[str, int]:
    """Knock as everybody. What somebody has changed is made anew for the next, so that the order does not matter."""
    found: dict[str, int] = {}
    ids: dict[str, str] = {}
    for caller in row.expected:
        ids = ids or {name: MATRIX.things[name](world) for name in row.things}
        content = MATRIX.bodies[row.body](world) if row.body else {}
        # Streams do not end by themselves: the status is all that is waited for.
        with world.http[caller].stream(row.method, row.url(ids), **content) as answer:
            found[caller] = answer.status_code
        if answer.is_success and row.method not in _SAFE:
            ids = {}
    return found
