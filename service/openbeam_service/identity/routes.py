"""Who am I."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Security
from openbeam.errors import NotAllowed
from openbeam.models import User

from openbeam_service.identity.principal import Principal, principal

__all__ = ["router"]

router = APIRouter(tags=["identity"])


@router.get("/whoami", summary="The caller, as the service knows them")
def whoami(caller: Annotated[Principal, Security(principal)]) -> User:
    """Return name, role and what this token may do now."""
    if caller.role is None:
        raise NotAllowed("This token belongs to an endpoint's agent, not to a person.")
    shown = {"id": caller.user_id, "name": caller.name, "display": caller.display, "role": caller.role}
    return User(**shown, scopes=sorted(caller.scopes))
