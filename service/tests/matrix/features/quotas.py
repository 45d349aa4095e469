"""Quotas."""

from __future__ import annotations

from matrix_world import World

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/quota                                 401   200     200     200      200   200   403    403  401        401
GET  /api/v1/quotas                                401   403     403     403      403   200   403    403  401        401
PUT  /api/v1/quotas/users/{name=name} +rule        401   403     403     403      403   200   403    403  401        401
PUT  /api/v1/quotas/classes/{class_id=whole} +rule 401   403     403     403      403   200   403    403  401        401
"""


def _class(world: World) -> str:
    return str(world.made("teacher", "/classes", json={"name": world.unique("c"), "title": ""})["id"])


THINGS = {"name": lambda world: world.ids["teacher"], "whole": _class}
BODIES = {"rule": lambda _: {"json": {"runs": 50}}}
