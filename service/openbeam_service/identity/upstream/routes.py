"""To another provider, and back again."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import structlog
from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from openbeam.errors import NotAllowed, OpenbeamError
from openbeam.models import Role
from sqlalchemy.orm import Session

from openbeam_service.database import Db
from openbeam_service.identity.browser import is_form_token, onward, sign_in, signed_in
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.upstream import store
from openbeam_service.identity.upstream.client import Upstream
from openbeam_service.limits import Door, address_of
from openbeam_service.pages import message

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
_log = structlog.get_logger("openbeam.identity")
_PLAN: Final = "upstream"
"""What the session keeps while the browser is away: the provider, where to go afterwards, who wants to be linked."""
_LONGEST_NEXT: Final = 1_500
"""A cookie holds four kilobytes, and the address is in it twice."""


def _failed(request: Request, error: OpenbeamError, plan: dict[str, str]) -> Response:
    """Say what went wrong, and lead back to where it began."""
    if "link" in plan:
        link = {"href": "/account", "label": "Back to your account"}
        return message(request, "Your account is not linked", str(error), error.status, **link)
    back = f"/login?{urlencode({'next': plan['next']})}" if plan.get("next") else "/login"
    return message(request, "You are not signed in", str(error), error.status, href=back, label="Back to sign in")


def _plan(request: Request, name: str, target: str, link: str, user: UserRow | None) -> dict[str, str]:
    """Return what to do when the browser comes back.

    Raises
    ------
    NotAllowed
        When a link is wanted that did not come from our page.

    """
    plan = {"name": name, "next": target if len(target) <= _LONGEST_NEXT else ""}
    if not link:
        return plan
    if user is None or user.role is Role.pupil or not is_form_token(request, link):
        raise NotAllowed("This page is too old. Sign in, and try again from your account page.")
    return plan | {"link": user.id}


@router.get("/login/with/{name}")
async def leave(
    request: Request,
    db: Db,
    name: str,
    next: str = "",  # noqa: A002  the name that addresses carry
    link: str = "",
) -> Response:
    """Send the browser to a provider."""
    state = request.app.state
    upstream: Upstream = state.upstream
    plan = {"next": next}
    try:
        upstream.provider(name)
        await run_in_threadpool(state.limits.spend, Door.sign_in_address, address_of(request))
        # No look into the database without need: its connection would wait for the provider with us.
        now = await run_in_threadpool(signed_in, request, db) if link else None
        plan = _plan(request, name, next, link, now[0] if now else None)
        answer = await upstream.send(request, name)
    except OpenbeamError as error:
        return _failed(request, error, plan)
    request.session[_PLAN] = plan
    return answer


@router.get("/login/back/{name}")
async def come_back(request: Request, db: Db, name: str) -> Response:
    """Sign in who comes back from a provider, or link their account there to the one here."""
    state = request.app.state
    upstream: Upstream = state.upstream
    plan: dict[str, str] = request.session.pop(_PLAN, {})
    try:
        provider = upstream.provider(name)
        await run_in_threadpool(state.limits.spend, Door.sign_in_address, address_of(request))
        claims = await upstream.receive(request, name)
        if plan.get("name") != name:
            raise NotAllowed("This sign-in was begun elsewhere, or is too old. Sign in again.")
        if "link" in plan:
            await run_in_threadpool(_link, request, db, plan["link"], provider, claims)
            return RedirectResponse("/account", 303)
        user = await run_in_threadpool(store.person, db, name, provider, claims)
    except OpenbeamError as error:
        db.rollback()
        return _failed(request, error, plan)
    _log.info("signed in", user=user.name, provider=name)
    sign_in(request, user)
    return RedirectResponse(onward(request, plan.get("next", "")), 303)


def _link(request: Request, db: Session, user_id: str, *found: Any) -> None:
    now = signed_in(request, db)
    if now is None or now[0].id != user_id:
        raise NotAllowed("Somebody else is signed in by now. Sign in, and try again from your account page.")
    store.link(db, now[0], *found)
