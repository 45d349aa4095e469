"""Register an endpoint, list those one may see."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Request, Response, Security, status
from openbeam.models import Endpoint, EndpointSpec

from openbeam_service.access import visible_endpoints
from openbeam_service.audit.store import note
from openbeam_service.database import Db
from openbeam_service.endpoints import store
from openbeam_service.identity.principal import Principal, principal

__all__ = ["router"]

router = APIRouter(prefix="/endpoints", tags=["endpoints"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]
Manager = Annotated[Principal, Security(principal, scopes=["endpoints:manage"])]
_log = structlog.get_logger("openbeam.endpoints")


@router.post(
    "",
    summary="Lend compute: register an endpoint, or give it a new key",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"description": "The endpoint was there; its key is replaced."}},
)
def register(request: Request, response: Response, db: Db, caller: Manager, spec: EndpointSpec) -> Endpoint:
    """Register the caller's endpoint by its agent's public key. Its id is the agent's OAuth client id."""
    row, is_new = store.register(db, caller.user_id, spec)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    note(db, caller, "endpoint.register", row.id, row.name, endpoint_id=row.id, new=is_new, public=row.public)
    _log.info("endpoint registered", endpoint=row.name, id=row.id, owner=caller.name, new=is_new)
    return store.shown(request, row)


@router.get("", summary="Endpoints that the caller may see")
def list_endpoints(request: Request, db: Db, caller: Reader) -> list[Endpoint]:
    """Return them by name."""
    return [store.shown(request, row) for row in store.listed(db, visible_endpoints(caller))]


@router.get("/{ref}", summary="One endpoint, by id or name")
def get_endpoint(request: Request, db: Db, caller: Reader, ref: str) -> Endpoint:
    """Return it, with how many tasks wait in its queue."""
    return store.shown(request, store.find(db, visible_endpoints(caller), caller, ref))
