"""A person's own tokens. Who is here by one sees that one alone, and makes none: a leak must not grow roots."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response, Security, status
from openbeam.errors import Conflict, InvalidInput, NotAllowed, UnknownToken
from openbeam.models import NewToken, PersonalToken, TokenSpec
from sqlalchemy import select

from openbeam_service.access import own_tokens
from openbeam_service.audit.store import note
from openbeam_service.database import Db
from openbeam_service.database.base import now
from openbeam_service.identity import tokens
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.identity.scopes import IDENTITY_SCOPES

__all__ = ["router"]

router = APIRouter(prefix="/tokens", tags=["identity"])
Caller = Annotated[Principal, Security(principal)]


def _shown(row: PersonalTokenRow) -> PersonalToken:
    about = {field: getattr(row, field) for field in PersonalToken.model_fields}
    return PersonalToken(**about)


@router.get("", summary="The caller's personal tokens")
def list_tokens(db: Db, caller: Caller) -> list[PersonalToken]:
    """Return those that have not expired, newest first: at most a hundred, for nobody has more."""
    good = (own_tokens(caller), PersonalTokenRow.expires > now())
    found = db.scalars(select(PersonalTokenRow).where(*good).order_by(PersonalTokenRow.created.desc()))
    return [_shown(row) for row in found]


@router.post("", summary="Make a personal token", status_code=status.HTTP_201_CREATED)
def make_token(request: Request, response: Response, db: Db, caller: Caller, spec: TokenSpec) -> NewToken:
    """Return a token that may do no more than the caller. It is shown this once."""
    settings = request.app.state.settings
    if caller.role is None or caller.token_id:
        raise NotAllowed("Sign in to make a token: neither a personal token nor an agent may make one.")
    days = spec.days or min(settings.token_days, settings.max_token_days)
    if days > settings.max_token_days:
        raise InvalidInput(f"A token lives at most {settings.max_token_days} days here.", field="days")
    may = caller.scopes.difference(IDENTITY_SCOPES)
    wanted = may if spec.scopes is None else frozenset(spec.scopes)
    if more := sorted(wanted - may):
        raise NotAllowed(f"You may not do this yourself now: {', '.join(more)}.", missing=more)
    if tokens.count(db, caller.user_id) >= tokens.MOST:
        raise Conflict(f"You have {tokens.MOST} tokens. Revoke one that you do not need.")
    row, token = tokens.issue(db, db.get_one(UserRow, caller.user_id), days=days, scopes=wanted, name=spec.name)
    note(db, caller, "token.make", row.id, row.name, scopes=row.scopes, days=days)
    response.headers["Cache-Control"] = "no-store"
    return NewToken(**_shown(row).model_dump(), token=token)


@router.delete("/{token_id}", summary="Revoke a personal token", status_code=status.HTTP_204_NO_CONTENT)
def revoke_token(db: Db, caller: Caller, token_id: Annotated[str, Path(max_length=36)]) -> None:
    """Make it worthless: it is refused at its next call."""
    row = db.scalar(select(PersonalTokenRow).where(own_tokens(caller), PersonalTokenRow.id == token_id))
    if row is None:
        raise UnknownToken(f"You have no token {token_id!r}.", name=token_id, nearest=[])
    db.delete(row)
    note(db, caller, "token.revoke", row.id, row.name)
