"""Where a person allows a program of theirs: at ``/oauth/authorize`` and, for one without a browser, at ``/device``.

A native client keeps no secret, so anybody may claim to be it: the person is asked every time.
"""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response
from openbeam.errors import InvalidInput, OpenbeamError, TooMany

from openbeam_service.audit.store import note
from openbeam_service.database import Db
from openbeam_service.guards import pages_policy
from openbeam_service.identity.browser import check_form, form_page, signed_in
from openbeam_service.identity.models import DeviceCodeRow, OAuthClientRow, UserRow
from openbeam_service.identity.oauth.adapter import Received, received
from openbeam_service.identity.oauth.device import decide, pending
from openbeam_service.identity.principal import acting
from openbeam_service.identity.scopes import SCOPE_WORDS, cap
from openbeam_service.limits import Door
from openbeam_service.pages import message

__all__ = ["ask", "router"]

router = APIRouter(include_in_schema=False)
Form = Annotated[Received, Depends(received)]
_LONGEST_CODE: Final = 40


def _question(request: Request, user: UserRow, client: OAuthClientRow, scope: str, **more: Any) -> Response:
    """Show who asks for what."""
    granted = cap(scope.split(), user.role)
    words = [text for name, text in SCOPE_WORDS.items() if name in granted]
    return form_page(request, "consent", name=user.called, client=client.name, words=words, **more)


def ask(request: Request, user: UserRow, asked: Any) -> Response:
    """Ask whether a native client may have what it asks for. The answer comes back to the same address."""
    target = urlsplit(asked.payload.redirect_uri)
    action = f"{request.url.path}?{request.url.query}"
    response = _question(request, user, asked.client.row, asked.scope, action=action)
    # Browsers hold a form to its policy over redirects too, and have no word for an address of IPv6 in it.
    onward = "http:" if ":" in (target.hostname or "") else f"{target.scheme}://{target.netloc}"
    response.headers["Content-Security-Policy"] = pages_policy(onward)
    return response


# ------------------------------------------------------------------------------------------------ device
def _code_page(request: Request, code: str = "", error: OpenbeamError | None = None) -> Response:
    return form_page(request, "device", error, code=code)


def _to_login(code: str) -> Response:
    target = "/device?" + urlencode({"user_code": code}) if code else "/device"
    return RedirectResponse("/login?" + urlencode({"next": target}), 303)


@router.get("/device")
def device_page(request: Request, db: Db, user_code: str = "") -> Response:
    """Ask for the code that a program shows."""
    code = user_code[:_LONGEST_CODE]
    return _code_page(request, code) if signed_in(request, db) else _to_login(code)


@router.post("/device")
def device(request: Request, db: Db, form: Form) -> Response:
    """Look the code up and ask; with a decision, store it."""
    fields = check_form(request, form)
    code, decision = fields.get("code", "")[:_LONGEST_CODE], fields.get("decision")
    person = signed_in(request, db)
    if person is None:
        return _to_login(code)
    user, since = person
    try:
        request.app.state.limits.spend(Door.device_code, user.id)
    except TooMany as error:
        return _code_page(request, code, error)
    row = pending(db, code)
    if row is None:
        wrong = InvalidInput(
            "No program waits under this code. Compare it with the one on your screen, or begin again."
        )
        return _code_page(request, code, wrong)
    if decision not in {"allow", "deny"}:
        client = db.get_one(OAuthClientRow, row.client_id)
        return _question(request, user, client, row.scope, action="/device", code=code, address=row.address)
    return _decided(request, db, row, user, decide(db, row, user.id, since, allowed=decision == "allow"))


def _decided(request: Request, db: Db, row: DeviceCodeRow, user: UserRow, first: bool) -> Response:
    if not first:
        return message(request, "This code has been used", "Begin again in the program that showed it.", 409)
    db.refresh(row)
    note(db, acting(user, row.client_id), "grant.allow" if row.allowed else "grant.deny", name=row.client_id)
    if row.allowed:
        return message(
            request, "Done", "Go back to the program; it is signed in within seconds. You may close this page."
        )
    return message(request, "Nothing was allowed", "The program gets no access. You may close this page.")
