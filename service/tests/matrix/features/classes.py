"""Classes: their teacher runs them; somebody else's do not exist."""

from __future__ import annotations

from matrix_world import World
from openbeam_service.classes import pupils
from openbeam_service.classes.models import ClassRow
from openbeam_service.provision import opened

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET    /api/v1/classes                             401   200     200     200      200   200   403    403  401        401
POST   /api/v1/classes +class                      401   403     403     201      201   201   403    403  401        401
POST   /api/v1/classes/join +wrong_code            401   403     404     404      404   404   403    403  401        401
GET    /api/v1/classes/{ref=class}                 401   404     404     200      404   200   403    403  401        401
PATCH  /api/v1/classes/{ref=class} +class_title    401   403     403     200      404   200   403    403  401        401
DELETE /api/v1/classes/{ref=class}                 401   403     403     204      404   204   403    403  401        401
POST   /api/v1/classes/{ref=class}/code +days      401   403     403     200      404   200   403    403  401        401
DELETE /api/v1/classes/{ref=class}/code            401   403     403     200      404   200   403    403  401        401
GET    /api/v1/classes/{ref=class}/members         401   403     403     200      404   200   403    403  401        401
PATCH  /api/v1/classes/{ref=class}/members/{user_id=member} +class_role 401 403 403 200 404 200   403    403  401    401
DELETE /api/v1/classes/{ref=class}/members/{user_id=member}        401 404 404 204 404 204   403    403  401         401
POST   /api/v1/classes/{ref=class}/members/{user_id=member}/key    401 403 403 200 404 200   403    403  401         401
GET    /login/class                                200
POST   /login/class                                403
POST   /login/key                                  403
"""


def _class(world: World) -> str:
    """Make a class with a pupil in it."""
    made = str(world.made("teacher", "/classes", json={"name": world.unique("class")})["id"])
    with opened(world.service.settings) as db:
        world.ids["member of the class"] = pupils.join(db, db.get_one(ClassRow, made), "Ana")[0].id
    return made


THINGS = {"class": _class, "member": lambda world: world.ids["member of the class"]}
BODIES = {
    "class": lambda world: {"json": {"name": world.unique("class")}},
    "wrong_code": lambda _: {"json": {"code": "2222-2222"}},
    "class_title": lambda _: {"json": {"title": "Physics 9b"}},
    "days": lambda _: {"json": {"days": 3}},
    "class_role": lambda _: {"json": {"role": "member"}},
}
