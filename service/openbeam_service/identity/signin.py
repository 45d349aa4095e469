"""Sign-in, sign-out, and the one-time page of the first administrator."""

from __future__ import annotations

from typing import Annotated, Any

import structlog
from authlib.oauth2.rfc6749 import OAuth2Error
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from openbeam.errors import Conflict, InvalidInput, OpenbeamError, TooMany

from openbeam_service.audit.store import note
from openbeam_service.database import Db
from openbeam_service.identity import passwords, store
from openbeam_service.identity.browser import check_form, form_page, onward, sign_in, signed_in
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.oauth.adapter import Received, received
from openbeam_service.identity.oauth.server import AuthorizationServer
from openbeam_service.limits import Door, address_of
from openbeam_service.pages import message

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Form = Annotated[Received, Depends(received)]
_log = structlog.get_logger("openbeam.identity")


# ------------------------------------------------------------------------------------------------ sign-in
def _sign_in_page(request: Request, target: str, name: str = "", error: OpenbeamError | None = None) -> Response:
    providers = [(way, one.label) for way, one in request.app.state.settings.providers.items()]
    return form_page(request, "login", error, next=target, name=name, providers=providers)


def _note_failure(request: Request, db: Db, user: UserRow | None) -> None:
    """Note a failure, up to a rate: who guesses shall not fill the disk. An unknown name may be a mistyped password."""
    try:
        request.app.state.limits.spend(Door.noted_failures)
    except TooMany:
        return
    note(db, "anonymous", "user.sign_in_failed", user.id if user else "", user.name if user else "")


@router.get("/login")
def login_page(request: Request, next: str = "") -> Response:  # noqa: A002  the name that addresses carry
    """Show the sign-in form."""
    return _sign_in_page(request, next)


@router.post("/login")
async def login(request: Request, db: Db, form: Form) -> Response:
    """Check name and password; wrong ones are counted."""
    fields = check_form(request, form)
    name, target = fields.get("name", "").strip().lower(), fields.get("next", "")
    address, limits = address_of(request), request.app.state.limits
    try:
        await run_in_threadpool(limits.spend, Door.sign_in_address, address)
        await run_in_threadpool(limits.spend, Door.sign_in, name, address)
    except TooMany as error:
        _log.warning("sign-in refused", user=name, address=address)
        return _sign_in_page(request, target, name, error)
    user: UserRow | None = await run_in_threadpool(store.find_user, db, name)
    right = await passwords.verify(user.password_hash if user and user.active else None, fields.get("password", ""))
    if user is None or not right:
        _log.info("sign-in failed", user=name, address=address)
        await run_in_threadpool(_note_failure, request, db, user)
        wrong = InvalidInput("The user name or the password is wrong.")
        return _sign_in_page(request, target, name, wrong)
    await run_in_threadpool(limits.forgive, Door.sign_in, name, address)
    _log.info("signed in", user=name, address=address)
    note(db, user, "user.sign_in", user.id, user.name)
    sign_in(request, user)
    return RedirectResponse(onward(request, target), 303)


# ------------------------------------------------------------------------------------------------ sign-out
def _end_session(request: Request, db: Db, asked: Received) -> tuple[bool, str]:
    """Return whether a client of ours asks (so that no question is needed), and where to go afterwards."""
    state = request.app.state
    server = AuthorizationServer(state.settings, state.issuer_keys, db)
    try:
        ending: Any = server.validate_endpoint_request("end_session", asked)
        server.create_endpoint_response("end_session", ending)
    except (OAuth2Error, ValueError):
        return False, state.settings.portal_url
    return not ending.needs_confirmation, ending.redirect_uri or state.settings.portal_url


def _sign_out(request: Request, db: Db) -> None:
    now = signed_in(request, db)
    if now is not None:
        note(db, now[0], "user.sign_out", now[0].id, now[0].name)
    request.session.clear()


@router.get("/logout")
def logout_page(request: Request, db: Db, form: Form) -> Response:
    """Sign out when a client of ours asks with its ID token; else ask the person."""
    sure, target = _end_session(request, db, form)
    if sure:
        _sign_out(request, db)
        return RedirectResponse(target, 303)
    now = signed_in(request, db)
    if now is None:
        return message(request, "You are signed out", "", href=target, label="Go to the portal")
    return form_page(request, "logout", name=now[0].called)


@router.post("/logout")
def logout(request: Request, db: Db, form: Form) -> Response:
    """Sign out."""
    check_form(request, form)
    _sign_out(request, db)
    return RedirectResponse("/logout", 303)


# ------------------------------------------------------------------------------------------------ first set-up
def _link_is_gone(request: Request) -> Response:
    text = "It works once. If you run this service, the command openbeam-service setup-link makes a new one."
    return message(request, "This link has been used or replaced", text, 404, href="/login", label="Sign in")


def _set_up_page(request: Request, name: str = "", error: OpenbeamError | None = None) -> Response:
    return form_page(request, "setup", error, name=name, min_length=passwords.MIN_LENGTH)


@router.get("/setup/{secret}")
def setup_page(request: Request, db: Db, secret: str) -> Response:
    """Show the form by which the first administrator chooses a name and a password."""
    return _set_up_page(request) if store.is_setup_link(db, secret) else _link_is_gone(request)


@router.post("/setup/{secret}")
async def setup(request: Request, db: Db, form: Form, secret: str) -> Response:
    """Make the first administrator and sign them in."""
    fields = check_form(request, form)
    name, password = fields.get("name", "").strip().lower(), fields.get("password", "")
    if not await run_in_threadpool(store.is_setup_link, db, secret):
        return _link_is_gone(request)
    try:
        passwords.check_new(password, fields.get("again", ""))
        hashed = await passwords.hash_in_turn(password)
        user = await run_in_threadpool(store.use_setup_link, db, secret, name, hashed)
    except (InvalidInput, Conflict) as error:
        db.rollback()
        return _set_up_page(request, name, error)
    if user is None:
        return _link_is_gone(request)
    request.app.state.vault.setup_link.unlink(missing_ok=True)
    _log.info("administrator made", user=name)
    note(db, user, "user.set_up", user.id, user.name)
    sign_in(request, user)
    return RedirectResponse(onward(request, ""), 303)
