"""The service as one ASGI application: features in, guards around."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute
from openbeam import __version__
from prometheus_client import CollectorRegistry
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.staticfiles import StaticFiles

from openbeam_service import account, faults, health, reference
from openbeam_service.audit import routes as audit
from openbeam_service.classes import routes as classes
from openbeam_service.classes import signin as classroom
from openbeam_service.credentials import routes as credentials
from openbeam_service.database import make_engine, make_sessions
from openbeam_service.endpoints import environments
from openbeam_service.endpoints import routes as endpoints
from openbeam_service.guards import BodyLimit, SafeHeaders, body_limit
from openbeam_service.hosting import agent as host_agents
from openbeam_service.hosting import routes as hosts
from openbeam_service.identity import routes as identity
from openbeam_service.identity import signin, token_routes
from openbeam_service.identity.browser import SESSION_COOKIE, SESSION_SECONDS
from openbeam_service.identity.keys import IssuerKeys
from openbeam_service.identity.oauth import consent
from openbeam_service.identity.oauth import routes as oauth
from openbeam_service.identity.principal import bounded
from openbeam_service.identity.upstream import routes as upstream
from openbeam_service.identity.upstream.client import Upstream
from openbeam_service.limits import Limits
from openbeam_service.metrics import routes as metrics
from openbeam_service.metrics.counts import COUNTS
from openbeam_service.metrics.standing import Standing
from openbeam_service.pages import STATIC
from openbeam_service.quotas import routes as quotas
from openbeam_service.registry import routes as registry
from openbeam_service.runs import routes as runs
from openbeam_service.settings import Settings
from openbeam_service.tasks import agent, background
from openbeam_service.tasks import routes as tasks
from openbeam_service.tracing import Traced
from openbeam_service.vault import Vault

__all__ = ["create_app"]

API: Final = "/api/v1"
_DESCRIPTION: Final = "Beam time for everyone: publish functions, run analyses of open collision data, lend compute."
_OPEN_ROUTERS: Final = (reference.router, health.router)
"""For everybody, so counted by address; the others count their callers."""
_API_ROUTERS: Final = (
    tasks.router,
    agent.router,
    runs.router,
    identity.router,
    token_routes.router,
    classes.router,
    endpoints.router,
    environments.router,
    hosts.router,
    host_agents.router,
    registry.router,
    audit.router,
    quotas.router,
    credentials.router,
)
"""What is asked most comes first: routes are tried in turn."""


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    try:
        async with background.running(app):
            yield
    finally:
        app.state.limits.close()
        app.state.engine.dispose()


def _set_state(app: FastAPI, settings: Settings) -> None:
    """Store what routes need, and nothing global."""
    state, vault = app.state, Vault(settings.home)
    state.settings = settings
    state.vault = vault
    state.engine = make_engine(settings.database)
    state.sessions = make_sessions(state.engine)
    vault.read(vault.issuer_key)  # says how to make it, when it is missing
    state.issuer_keys = IssuerKeys(vault.issuer_key, vault.retired_keys, settings.url, settings.audience)
    state.limits = Limits(settings)
    state.metrics = CollectorRegistry()
    state.metrics.register(COUNTS)
    state.metrics.register(Standing(state))
    state.upstream = Upstream(settings)


def _add_guards(app: FastAPI, settings: Settings) -> None:
    """Wrap the application; the last one added is the outermost."""
    app.add_middleware(
        SessionMiddleware,
        secret_key=app.state.vault.read(app.state.vault.session_secret),
        session_cookie=SESSION_COOKIE,
        max_age=SESSION_SECONDS,
        same_site="lax",
        https_only=settings.url.startswith("https:"),
    )
    app.add_middleware(BodyLimit, limit=body_limit(settings))
    app.add_middleware(faults.CatchAll)
    app.add_middleware(SafeHeaders, portal_url=settings.portal_url)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[settings.portal_url],
        allow_methods=["GET"],
        allow_headers=["Authorization", "Last-Event-ID"],
    )
    app.add_middleware(Traced)


def _home_page(request: Request) -> Response:
    return RedirectResponse(request.app.state.settings.portal_url, 303)


def _operation_id(route: APIRoute) -> str:
    return "-".join((*(str(tag) for tag in route.tags[:1]), route.name))


def create_app(settings: Settings) -> FastAPI:
    """Return the application.

    Raises
    ------
    InvalidInput
        When ``openbeam-service init`` has not been run in this data directory.

    """
    app = FastAPI(
        title="Openbeam",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
        generate_unique_id_function=_operation_id,
    )
    _set_state(app, settings)
    _add_guards(app, settings)
    faults.register(app)
    # Not in a router of their own: each level of routers tries all routes once more.
    answers: dict[int | str, dict[str, Any]] = {"default": {"model": faults.Problem, "description": "An error."}}
    for router in _API_ROUTERS:
        app.include_router(router, prefix=API, responses=answers)
    for router in _OPEN_ROUTERS:
        app.include_router(router, prefix=API, responses=answers, dependencies=[Depends(bounded)])
    app.include_router(oauth.router, responses={"default": {"description": "An error, or a page that explains it."}})
    app.include_router(consent.router)
    app.include_router(signin.router)
    app.include_router(classroom.router)
    app.include_router(metrics.router)
    app.include_router(upstream.router)
    app.include_router(account.router)
    app.add_api_route("/", _home_page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app
