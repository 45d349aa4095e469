"""Who am I, and where have I signed in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Security, status
from openbeam.errors import NotAllowed
from openbeam.models import User

from openbeam_service.audit.store import note
from openbeam_service.database import Db
from openbeam_service.identity import grants
from openbeam_service.identity.principal import Principal, principal

__all__ = ["router"]

router = APIRouter(tags=["identity"])


@router.delete("/grants", summary="End all of the caller's sign-ins", status_code=status.HTTP_204_NO_CONTENT)
def end_grants(db: Db, caller: Annotated[Principal, Security(principal)]) -> None:
    """End the sign-ins of all programs and portals, this one too. Personal tokens stay, and may not do this."""
    if caller.role is None or caller.token_id:
        raise NotAllowed("Sign in to end your sign-ins: neither a personal token nor an agent may.")
    grants.revoke_all(db, caller.user_id)
    note(db, caller, "user.end_sign_ins", caller.user_id, caller.name)


@router.get("/whoami", summary="The caller, as the service knows them")
def whoami(caller: Annotated[Principal, Security(principal)]) -> User:
    """Return name, role and what this token may do now."""
    if caller.role is None:
        raise NotAllowed("This token belongs to an endpoint's agent, not to a person.")
    shown = {"id": caller.user_id, "name": caller.name, "display": caller.display, "role": caller.role}
    return User(**shown, scopes=sorted(caller.scopes))
