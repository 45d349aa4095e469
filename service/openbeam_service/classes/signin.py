"""The sign-in page of pupils: in with a class code and a nickname, back with the return key."""

from __future__ import annotations

from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from openbeam.errors import InvalidInput, OpenbeamError, TooMany
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.classes import pupils, store
from openbeam_service.classes.codes import spaced, typed_code, typed_nickname
from openbeam_service.database import Db
from openbeam_service.identity.browser import check_form, form_page, onward, sign_in
from openbeam_service.identity.oauth.adapter import Received, received
from openbeam_service.limits import Door, address_of
from openbeam_service.pages import page

__all__ = ["router"]

router = APIRouter(include_in_schema=False)
Form = Annotated[Received, Depends(received)]
_log = structlog.get_logger("openbeam.identity")
_LONGEST: Final = 40


def _class_page(request: Request, fields: dict[str, str], error: OpenbeamError | None = None) -> Response:
    """Show the form, with what was typed; ``key`` among the fields says that somebody wanted to come back."""
    return form_page(
        request,
        "class",
        error,
        next=fields.get("next", ""),
        code=fields.get("code", "")[:_LONGEST],
        nickname=fields.get("nickname", "")[:_LONGEST],
        back="key" in fields,
    )


@router.get("/login/class")
def class_page(request: Request, code: str = "", next: str = "") -> Response:  # noqa: A002  the name that addresses carry
    """Show the form; a teacher's link fills the code in."""
    return _class_page(request, {"code": code, "next": next})


@router.post("/login/class")
def join(request: Request, db: Db, form: Form) -> Response:
    """Make a pupil, sign them in, and show their return key, this once."""
    fields = check_form(request, form)
    try:
        return _joined(request, db, fields)
    except OpenbeamError as error:
        db.rollback()
        return _class_page(request, fields, error)


def _joined(request: Request, db: Session, fields: dict[str, str]) -> Response:
    request.app.state.limits.spend(Door.join_code, address_of(request))
    code, nickname = typed_code(fields.get("code", "")), typed_nickname(fields.get("nickname", ""))
    row = store.the_open_class(db, code, request.app.state.settings)
    user, key = pupils.join(db, row, nickname)
    _log.info("pupil joined", user=user.name, **{"class": row.id})
    sign_in(request, user)
    href = onward(request, fields.get("next", ""))
    shown = {"nickname": nickname, "class_name": row.title or row.name, "key": spaced(key), "href": href}
    return page(request, "joined", **shown)


@router.post("/login/key")
def come_back(request: Request, db: Db, form: Form) -> Response:
    """Sign a pupil in by their return key."""
    fields = check_form(request, form)
    try:
        request.app.state.limits.spend(Door.join_code, address_of(request))
    except TooMany as error:
        return _class_page(request, fields, error)
    user = pupils.come_back(db, fields.get("key", "")[:_LONGEST])
    if user is None:
        _log.info("return key refused", address=address_of(request))
        unknown = InvalidInput("This key is not known, or your class is closed. Your teacher can give you a new one.")
        return _class_page(request, fields | {"key": ""}, unknown)
    note(db, user, "user.sign_in", user.id, user.name)
    sign_in(request, user)
    return RedirectResponse(onward(request, fields.get("next", "")), 303)
