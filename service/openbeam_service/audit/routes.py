"""Read the audit trail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Security
from openbeam.models import AuditFilter, AuditPage

from openbeam_service.audit import search
from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, principal

__all__ = ["router"]

router = APIRouter(prefix="/audit", tags=["audit"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]


@router.get("", summary="Who did what to which object")
def list_entries(db: Db, caller: Reader, wanted: Annotated[AuditFilter, Query()]) -> AuditPage:
    """Return what the caller did, what was done to their account, and what concerns their endpoints; admins see all."""
    return search.page(db, caller, wanted)
