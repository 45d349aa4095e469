"""A person's own page: the ways in which they sign in, and the classes that they are in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from openbeam.errors import OpenbeamError
from openbeam.models import Role
from sqlalchemy.orm import Session

from openbeam_service.classes import store as classes
from openbeam_service.classes.codes import typed_code
from openbeam_service.database import Db
from openbeam_service.identity.browser import check_form, form_page, signed_in
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.oauth.adapter import Received, received
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.scopes import ROLE_SCOPES
from openbeam_service.identity.upstream import store
from openbeam_service.limits import Door, address_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Form = Annotated[Received, Depends(received)]


def _person(request: Request, db: Session) -> UserRow | None:
    now = signed_in(request, db)
    return now[0] if now else None


def _caller(user: UserRow) -> Principal:
    """Return a person at their own page as a caller."""
    return Principal(user.id, user.name, user.role, ROLE_SCOPES[user.role], "browser", display=user.called)


def _to_sign_in() -> Response:
    return RedirectResponse("/login?next=/account", 303)


def _page(request: Request, db: Session, user: UserRow, error: OpenbeamError | None = None) -> Response:
    settings = request.app.state.settings
    labels = {provider.issuer: provider.label for provider in settings.providers.values()}
    linked = store.identities(db, user)
    known = {one.issuer for one in linked}
    others = {} if user.role is Role.pupil else settings.providers
    return form_page(
        request,
        "account",
        error,
        user=user,
        is_pupil=user.role is Role.pupil,
        classes=classes.listed(db, settings, _caller(user), limit=100, offset=0),
        linked=[(one.id, labels.get(one.issuer, one.issuer)) for one in linked],
        others=[(name, one.label) for name, one in others.items() if one.issuer not in known],
    )


@router.get("/account")
def account(request: Request, db: Db) -> Response:
    """Show the page."""
    user = _person(request, db)
    return _page(request, db, user) if user else _to_sign_in()


@router.post("/account/join")
def join(request: Request, db: Db, form: Form) -> Response:
    """Join a class with its code."""
    fields = check_form(request, form)
    user = _person(request, db)
    if user is None:
        return _to_sign_in()
    try:
        request.app.state.limits.spend(Door.join_code, address_of(request))
        classes.join(db, _caller(user), typed_code(fields.get("code", "")), request.app.state.settings)
    except OpenbeamError as error:
        db.rollback()
        return _page(request, db, user, error)
    return RedirectResponse("/account", 303)


@router.post("/account/unlink")
def unlink(request: Request, db: Db, form: Form) -> Response:
    """Forget one of a person's accounts at other providers."""
    fields = check_form(request, form)
    user = _person(request, db)
    if user is None:
        return _to_sign_in()
    try:
        store.unlink(db, user, fields.get("identity", "")[:36])
    except OpenbeamError as error:
        return _page(request, db, user, error)
    return RedirectResponse("/account", 303)
