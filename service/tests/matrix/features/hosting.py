"""Hosts, the endpoints that administrators manage on them, and the door of hosts' agents."""

from __future__ import annotations

from typing import Any

from joserfc.jwk import ECKey
from matrix_world import World

TABLE = """
  nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent host
GET  /api/v1/hosts                                                    401 403 403 403 403 200 403 403 401 401 403
POST /api/v1/hosts +host                                              401 403 403 403 403 201 403 403 401 401 403
GET  /api/v1/hosts/{ref=host}                                         401 403 403 403 403 200 403 403 401 401 403
DELETE /api/v1/hosts/{ref=host}/key                                   401 403 403 403 403 204 403 403 401 401 403
DELETE /api/v1/hosts/{ref=host}                                       401 403 403 403 403 204 403 403 401 401 403
POST /api/v1/hosts/{ref=host}/endpoints +managed                      401 403 403 403 403 201 403 403 401 401 403
GET  /api/v1/hosts/{ref=this_host}/endpoints/{name=managed}           401 403 403 403 403 200 403 403 401 401 403
PATCH /api/v1/hosts/{ref=this_host}/endpoints/{name=managed} +change  401 403 403 403 403 200 403 403 401 401 403
POST /api/v1/hosts/{ref=this_host}/endpoints/{name=managed}/restart   401 403 403 403 403 200 403 403 401 401 403
GET  /api/v1/hosts/{ref=this_host}/endpoints/{name=managed}/log       401 403 403 403 403 200 403 403 401 401 403
DELETE /api/v1/hosts/{ref=this_host}/endpoints/{name=managed}         401 403 403 403 403 204 403 403 401 401 403
POST /api/v1/host/orders +orders                                      401 403 403 403 403 403 403 403 401 401 200
POST /api/v1/host/report +report                                      401 403 403 403 403 403 403 403 401 401 204
POST /api/v1/host/endpoints/{ref=managed}/key +managed_key            401 403 403 403 403 403 403 403 401 401 204
POST /api/v1/host/endpoints/{ref=elsewhere}/key +managed_key          401 403 403 403 403 403 403 403 401 401 404
"""


def _key() -> dict[str, Any]:
    return ECKey.generate_key("P-256", private=True).as_dict(private=False)


def _enrolled(world: World) -> str:
    return str(world.made("admin", "/hosts", json={"name": world.unique("rack"), "key": _key()})["id"])


def _wanted(world: World) -> dict[str, Any]:
    return {"name": world.unique("lab"), "image": "openbeam/environment-hep", "state": "stopped"}


def _managed(world: World, host: str | None = None) -> str:
    """Want an endpoint; of the host whose agent is one of the callers, clear room for it first."""
    host = host or world.host
    found = world.http["admin"].get(f"/api/v1/hosts/{host}").json()["endpoints"]
    for one in found:
        world.http["admin"].delete(f"/api/v1/hosts/{host}/endpoints/{one['id']}")
    gone = {"status": _STATUS, "gone": [one["id"] for one in found]}
    if host == world.host:
        world.made_nothing("host", "/host/report", json=gone)
    return str(world.made("admin", f"/hosts/{host}/endpoints", json=_wanted(world))["id"])


_STATUS = {"version": "0.1.0", "limits": {"images": ["openbeam/*"], "endpoints": 8, "memory": 10**12, "workers": 8}}
THINGS = {
    "host": _enrolled,
    "this_host": lambda world: world.host,
    "managed": _managed,
    "elsewhere": lambda world: _managed(world, _enrolled(world)),
}
BODIES = {
    "host": lambda world: {"json": {"name": world.unique("rack"), "key": _key()}},
    "managed": lambda world: {"json": _wanted(world)},
    "change": lambda _: {"json": {"workers": 3}},
    "managed_key": lambda _: {"json": {"key": _key()}},
    "orders": lambda _: {"json": {"known": 0, "wait": 0}},
    "report": lambda _: {"json": {"status": _STATUS}},
}
