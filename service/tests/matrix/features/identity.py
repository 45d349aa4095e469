"""Health, identity, and the pages that people see; their sign-in is a cookie, so a token changes nothing there."""

from __future__ import annotations

from matrix_world import World
from openbeam_service.identity import store, tokens
from openbeam_service.provision import opened

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/health                                200
GET  /api/v1/health/live                           200
GET  /metrics                                      200
GET  /api/v1/docs                                  200
GET  /api/v1/openapi.json                          200
GET  /api/v1/whoami                                401   200     200     200      200   200   403    403  401        401
DELETE /api/v1/grants                              401   403     403     403      403   403   403    403  401        401
GET  /api/v1/tokens                                401   200     200     200      200   200   200    200  401        401
POST /api/v1/tokens +token                         401   403     403     403      403   403   403    403  401        401
DELETE /api/v1/tokens/{token_id=token}             401   404     404     404      404   404   404    404  401        401
GET  /.well-known/openid-configuration             200
GET  /oauth/jwks                                   200
GET  /oauth/authorize                              400
POST /oauth/token                                  400
POST /oauth/token +nonsense                        400
POST /oauth/authorize                              403
POST /oauth/device_authorization                   400
POST /oauth/revoke                                 401
GET  /device                                       303
POST /device                                       403
GET  /oauth/userinfo                               401   403     403     403      403   403   403    403  401        401
POST /oauth/userinfo                               401   403     403     403      403   403   403    403  401        401
GET  /                                             303
GET  /login                                        200
POST /login                                        403
POST /login +nonsense                              403
GET  /logout                                       200
POST /logout                                       403
GET  /login/with/{name=no_provider}                404
GET  /login/back/{name=no_provider}                404
GET  /account                                      303
POST /account/unlink                               403
POST /account/join                                 403
GET  /setup/{secret=setup_link}                    200
POST /setup/{secret=setup_link}                    403
"""


def _setup_link(world: World) -> str:
    with opened(world.service.settings) as db:
        return store.make_setup_link(db)


def _token(world: World) -> str:
    with opened(world.service.settings) as db:
        return tokens.issue(db, store.the_user(db, world.ids["teacher"]), days=1)[0].id


# Everybody here shows a personal token, and such a one makes none and knows of itself alone.
THINGS = {"setup_link": _setup_link, "token": _token, "no_provider": lambda _: "nobody"}
BODIES = {
    "token": lambda _: {"json": {"name": "another"}},
    "nonsense": lambda _: {"data": {"name": "nobody", "password": "", "grant_type": "password"}},
}
