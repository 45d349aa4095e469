"""Credentials for outputs, and the agents' questions about them."""

from __future__ import annotations

from typing import Any

from joserfc.jwk import ECKey
from matrix_world import World
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.provision import opened

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/credentials                           401   200     200     200      200   200   403    403  401        401
POST /api/v1/credentials +credential               401   201     201     201      201   201   403    403  401        401
POST /api/v1/credentials +private_credential       401   404     404     201      404   201   403    403  401        401
DELETE /api/v1/credentials/{credential_id=credential} 401 404    404     204      404   404   403    403  401        401
POST /api/v1/agent/sealing-key +sealing_key        401   403     403     403      403   403   204    204  401        401
POST /api/v1/agent/outputs +no_outputs             401   403     403     403      403   403   409    409  401        401
"""


def _public_key() -> dict[str, Any]:
    return dict(ECKey.generate_key("P-256", private=True).as_dict(private=False))


def _endpoint(world: World, *, public: bool) -> tuple[str, str]:
    """Return a teacher's endpoint, and the id of the key that its agent has told."""
    spec = {"name": world.unique("lab"), "key": _public_key(), "visibility": "public" if public else "private"}
    endpoint = str(world.made("teacher", "/endpoints", json=spec)["id"])
    if public:
        world.made("admin", f"/endpoints/{endpoint}/approve", json={"approve": True})
    key = ECKey.generate_key("P-256", private=True)
    with opened(world.service.settings) as db:
        db.get_one(EndpointRow, endpoint).sealing_key = {**key.as_dict(private=False), "kid": key.thumbprint()}
    return endpoint, str(key.thumbprint())


def _spec(world: World, *, public: bool = True) -> dict[str, Any]:
    endpoint, key_id = _endpoint(world, public=public)
    return {
        "endpoint": endpoint,
        "name": world.unique("eos")[:60],
        "destination": "root://eos.example.org//eos/user/a/ada",
        "kind": "token",
        "key_id": key_id,
        "sealed": "a..b.c.d",
    }


def _credential(world: World) -> str:
    return str(world.made("teacher", "/credentials", json=_spec(world))["id"])


THINGS = {"credential": _credential}
BODIES = {
    "credential": lambda world: {"json": _spec(world)},
    "private_credential": lambda world: {"json": _spec(world, public=False)},
    "sealing_key": lambda _: {"json": {"key": _public_key()}},
    "no_outputs": lambda _: {"json": {"task_id": "no-task", "lease_id": "no-lease"}},
}
