"""Many calls at once, and their results as they come."""

from __future__ import annotations

import uuid

from matrix_world import World

# A batch that is refused names each call and its reason, so the answer is 422 whatever they are.
TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
POST /api/v1/tasks/batch +batch                    401   422     422     201      422   201   403    403  401        401
POST /api/v1/tasks/status +group                   401   200     200     200      200   200   403    403  401        401
GET  /api/v1/tasks/batch                           405
GET  /api/v1/tasks/status                          405
GET  /api/v1/tasks/events                          401   422     422     422      422   422   403    403  401        401
GET  /api/v1/tasks/events?group={group=group}      401   200     200     200      200   200   403    403  401        401
"""


def _group(_: World) -> str:
    return str(uuid.uuid4())


def _function(world: World) -> str:
    spec = {"name": world.unique("f"), "source": "def f():\n    return 1\n", "entrypoint": "f"}
    return str(world.made("teacher", "/functions", json=spec)["id"])


THINGS = {"group": _group}
BODIES = {
    "batch": lambda world: {
        "json": {
            "group": _group(world),
            "calls": [{"function": _function(world), "endpoint": world.ids["agent"]}],
        }
    },
    "group": lambda world: {"json": {"group": _group(world)}},
}
