"""Tasks and runs."""

from __future__ import annotations

from typing import Any

from matrix_world import World

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
POST /api/v1/tasks +call                           401   404     404     201      404   201   403    403  401        401
POST /api/v1/tasks +call_elsewhere                 401   404     404     201      404   201   403    403  401        401
GET  /api/v1/tasks/{task_id=task}                  401   404     404     200      404   200   403    403  401        401
GET  /api/v1/tasks/{task_id=task}/output           401   404     404     200      404   200   403    403  401        401
POST /api/v1/tasks/{task_id=task}/cancel           401   404     404     200      404   200   403    403  401        401
GET  /api/v1/runs                                  401   200     200     200      200   200   403    403  401        401
POST /api/v1/runs +run                             401   404     404     201      404   201   403    403  401        401
GET  /api/v1/runs/{run_id=run}                     401   404     404     200      404   200   403    403  401        401
GET  /api/v1/runs/{run_id=run}/histograms          401   404     404     200      404   200   403    403  401        401
GET  /api/v1/runs/{run_id=run}/chunks              401   404     404     200      404   200   403    403  401        401
POST /api/v1/runs/{run_id=run}/resubmit +again     401   404     404     409      404   409   403    403  401        401
POST /api/v1/runs/{run_id=stopped}/resubmit +again 401   404     404     201      404   201   403    403  401        401
POST /api/v1/runs/{run_id=run}/keep +keep          401   404     404     200      404   200   403    403  401        401
POST /api/v1/runs/{run_id=run}/cancel              401   404     404     200      404   200   403    403  401        401
POST /api/v1/runs/{run_id=run}/ticket              401   404     404     200      404   200   403    403  401        401
GET  /api/v1/runs/{run_id=run}/events              401   404     404     200      404   200   403    403  401        401
GET  /api/v1/runs/{run_id=run}/events?ticket=x     401   401     401     401      401   401   403    403  401        401
"""


def _function(world: World, *, kind: str, visibility: str = "private") -> str:
    source = "def analyze(events, params):\n    return {}\n"
    spec = {
        "name": world.unique("f"),
        "source": source,
        "entrypoint": "analyze",
        "kind": kind,
        "visibility": visibility,
    }
    return str(world.made("teacher", "/functions", json=spec)["id"])


def _call(world: World, *, visibility: str = "private") -> dict[str, Any]:
    return {"function": _function(world, kind="plain", visibility=visibility), "endpoint": world.ids["agent"]}


def _run(world: World) -> dict[str, Any]:
    file = {"uri": "root://e//f", "size": 9, "checksum": "adler32:00000009"}
    spec = {"name": world.unique("data"), "title": "Some data", "files": [file]}
    dataset = world.made("teacher", "/datasets", json=spec)["name"]
    return {"function": _function(world, kind="analysis"), "dataset": dataset, "endpoint": world.ids["agent"]}


def _stopped(world: World) -> str:
    run_id = world.made("teacher", "/runs", json=_run(world))["id"]
    world.made("teacher", f"/runs/{run_id}/cancel")
    return str(run_id)


THINGS = {
    "stopped": _stopped,
    "task": lambda world: world.made("teacher", "/tasks", json=_call(world))["id"],
    "run": lambda world: world.made("teacher", "/runs", json=_run(world))["id"],
}
BODIES = {
    "again": lambda _: {"json": {}},
    "keep": lambda _: {"json": {"kept": True}},
    "call": lambda world: {"json": _call(world)},
    # A function that all may call, on an endpoint that is the teacher's alone.
    "call_elsewhere": lambda world: {"json": _call(world, visibility="public")},
    "run": lambda world: {"json": _run(world)},
}
