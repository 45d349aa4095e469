"""Every route that changes something leaves an entry in the audit trail, or says here why not."""

from __future__ import annotations

import pytest
from matrix_table import Row, load
from matrix_world import World
from openbeam_service.audit.models import AuditRow
from openbeam_service.provision import opened
from sqlalchemy import func, select

MATRIX = load()
SILENT = {
    "/api/v1/agent/environment": "an agent at work",
    "/api/v1/agent/lease": "an agent at work: tasks say who computed them",
    "/api/v1/agent/renew": "an agent at work",
    "/api/v1/agent/results": "an agent at work",
    "/api/v1/agent/stops": "an agent at work",
    "/api/v1/host/orders": "a host's agent at work",
    "/api/v1/host/report": "a host's agent at work",
    "/api/v1/runs/{run_id}/ticket": "an address to look at, of what the caller may look at anyway",
    "/api/v1/tasks/status": "a question, too long for an address",
    "/oauth/token": "a program shows again what somebody allowed; that was noted",
}
CHANGES = [
    row
    for row in MATRIX.rows
    if row.method not in {"GET", "HEAD"} and any(status < 300 for status in row.expected.values())
]


def _last(world: World) -> int:
    with opened(world.service.settings) as db:
        return db.scalar(select(func.max(AuditRow.id))) or 0


@pytest.mark.parametrize("row", [row for row in CHANGES if row.route[1] not in SILENT], ids=str)
def test_what_changes_something_is_noted(world: World, row: Row) -> None:
    caller = next(caller for caller, status in row.expected.items() if status < 300)
    ids = {name: MATRIX.things[name](world) for name in row.things}
    content = MATRIX.bodies[row.body](world) if row.body else {}
    before = _last(world)
    assert world.http[caller].request(row.method, row.url(ids), **content).is_success
    with opened(world.service.settings) as db:
        entries = db.scalars(select(AuditRow).where(AuditRow.id > before)).all()
    assert entries != [], "write an entry (audit.store.note), or say in SILENT why not"
    # An agent acts in the name of its owner.
    person = "teacher" if caller == "agent" else caller
    assert {entry.actor for entry in entries} == {world.ids.get(person, "anonymous")}


def test_nothing_is_silent_that_is_not_there() -> None:
    assert {row.route[1] for row in MATRIX.rows} >= SILENT.keys()
