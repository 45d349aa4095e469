"""Endpoints, and the door of their agents."""

from __future__ import annotations

from typing import Any

from joserfc.jwk import ECKey
from matrix_world import STATUS, World

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/endpoints                             401   200     200     200      200   200   403    403  401        401
POST /api/v1/endpoints +endpoint                   401   403     403     201      201   201   403    403  401        401
GET  /api/v1/endpoints/{ref=endpoint}              401   404     404     200      404   200   403    403  401        401
GET  /api/v1/endpoints/{ref=public_endpoint}       401   200     200     200      200   200   403    403  401        401
PATCH /api/v1/endpoints/{ref=endpoint} +labels     401   403     403     200      404   200   403    403  401        401
PATCH /api/v1/endpoints/{ref=public_endpoint} +labels 401 403    403     200      403   200   403    403  401        401
PUT  /api/v1/endpoints/{ref=endpoint}/sharing +private 401 403   403     200      404   200   403    403  401        401
POST /api/v1/endpoints/{ref=public_endpoint}/approve +approve 401 403 403 403     403   200   403    403  401        401
DELETE /api/v1/endpoints/{ref=endpoint}/key        401   403     403     204      404   204   403    403  401        401
DELETE /api/v1/endpoints/{ref=endpoint}            401   403     403     204      404   204   403    403  401        401
GET  /api/v1/environments                          401   200     200     200      200   200   403    403  401        401
GET  /api/v1/environments/{ref=environment}        401   404     404     200      404   200   403    403  401        401
POST /api/v1/agent/environment +packages           401   403     403     403      403   403   204    204  401        401
POST /api/v1/agent/lease +lease                    401   403     403     403      403   403   200    200  401        401
POST /api/v1/agent/renew +renew                    401   403     403     403      403   403   200    200  401        401
POST /api/v1/agent/stops +stops                    401   403     403     403      403   403   200    200  401        401
POST /api/v1/agent/results +results                401   403     403     403      403   403   200    200  401        401
"""


def endpoint_spec(world: World, **more: Any) -> dict[str, Any]:
    """Return an endpoint that nobody has registered yet."""
    key = ECKey.generate_key("P-256", private=True).as_dict(private=False)
    return {"name": world.unique("lab"), "key": key, **more}


def _registered(world: World, **more: Any) -> str:
    return str(world.made("teacher", "/endpoints", json=endpoint_spec(world, **more))["id"])


def _approved(world: World) -> str:
    endpoint = _registered(world, visibility="public")
    world.made("admin", f"/endpoints/{endpoint}/approve", json={"approve": True})
    return endpoint


def _environment(world: World) -> str:
    """Let the teacher's agent say what it has installed."""
    digest = f"local:{world.unique('x')}"
    status = {**STATUS, "environment": digest}
    world.made("agent", "/agent/renew", json={"leases": [], "status": status})
    return digest


THINGS = {
    "environment": _environment,
    "endpoint": _registered,
    "public_endpoint": _approved,
}
BODIES = {
    "endpoint": lambda world: {"json": endpoint_spec(world)},
    "packages": lambda _: {"json": {"digest": "sha256:abc", "packages": ["numpy==2.4.0"]}},
    "labels": lambda _: {"json": {"labels": {"site": "school"}}},
    "private": lambda _: {"json": {"visibility": "private"}},
    "approve": lambda _: {"json": {"approve": True}},
    "lease": lambda _: {"json": {"want": 1, "wait": 0, "status": STATUS}},
    "renew": lambda _: {"json": {"leases": [], "status": STATUS}},
    "results": lambda _: {"json": {"outcomes": [{"task_id": "no-task", "lease_id": "no-lease"}]}},
    "stops": lambda _: {"json": {"wait": 0}},
}
