"""Register endpoints, list those one may see, say who may use them and for what."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Path, Request, Response, Security, status
from openbeam.models import ApprovalDecision, Endpoint, EndpointChange, EndpointSpec, Sharing

from openbeam_service.access import check_own, own_endpoints, visible_endpoints
from openbeam_service.database import Db
from openbeam_service.endpoints import changes, store
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.tasks.backend import Backend

__all__ = ["router"]

router = APIRouter(prefix="/endpoints", tags=["endpoints"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]
Manager = Annotated[Principal, Security(principal, scopes=["endpoints:manage"])]
Admin = Annotated[Principal, Security(principal, scopes=["admin"])]
Ref = Annotated[str, Path(max_length=120, description="Id or name.")]
_log = structlog.get_logger("openbeam.endpoints")


@router.post(
    "",
    summary="Lend compute: register an endpoint, or give it a new key",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"description": "The endpoint was there; its key is replaced."}},
)
def register(request: Request, response: Response, db: Db, caller: Manager, spec: EndpointSpec) -> Endpoint:
    """Register the caller's endpoint by its agent's public key. Its id is the agent's OAuth client id."""
    row, is_new = store.register(db, caller, spec)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    _log.info("endpoint registered", endpoint=row.name, id=row.id, owner=caller.name, new=is_new)
    return store.shown(request, caller, row)


@router.get("", summary="Endpoints that the caller may see")
def list_endpoints(request: Request, db: Db, caller: Reader) -> list[Endpoint]:
    """Return them by name."""
    return [store.shown(request, caller, row) for row in store.listed(db, visible_endpoints(caller))]


@router.get("/{ref}", summary="One endpoint, by id or name")
def get_endpoint(request: Request, db: Db, caller: Reader, ref: Ref) -> Endpoint:
    """Return it, with how many tasks wait in its queue."""
    return store.shown(request, caller, store.find(db, visible_endpoints(caller), caller, ref))


def _own(db: Db, caller: Principal, ref: str) -> EndpointRow:
    row = store.find(db, visible_endpoints(caller), caller, ref)
    check_own(db, row, own_endpoints(caller), f"Endpoint {row.name!r}")
    return row


@router.patch("/{ref}", summary="Change an endpoint: description, labels, policy")
def change_endpoint(request: Request, db: Db, caller: Manager, ref: Ref, wanted: EndpointChange) -> Endpoint:
    """Change what is given. A new policy holds for what waits in its queue, too."""
    row = _own(db, caller, ref)
    changes.change(db, caller, row, wanted)
    return store.shown(request, caller, row)


@router.put("/{ref}/sharing", summary="Say who sees an endpoint")
def share_endpoint(request: Request, db: Db, caller: Manager, ref: Ref, sharing: Sharing) -> Endpoint:
    """Keep it private or share it with classes that the caller teaches; for everybody, ask an administrator."""
    row = _own(db, caller, ref)
    changes.share(db, caller, row, sharing)
    return store.shown(request, caller, row)


@router.post("/{ref}/approve", summary="Approve or decline that everybody sees an endpoint")
def decide(request: Request, db: Db, caller: Admin, ref: Ref, decision: ApprovalDecision) -> Endpoint:
    """Answer what its owner has asked for; an approval can be taken back."""
    row = store.find(db, visible_endpoints(caller), caller, ref)
    changes.decide(db, caller, row, decision)
    return store.shown(request, caller, row)


@router.delete("/{ref}/key", summary="Revoke the key of an endpoint's agent", status_code=status.HTTP_204_NO_CONTENT)
def revoke_key(db: Db, caller: Manager, ref: Ref) -> None:
    """Refuse its agent from now on, also with a token that it has already, until it is registered again."""
    changes.revoke_key(db, caller, _own(db, caller, ref))


@router.delete("/{ref}", summary="Take an endpoint away", status_code=status.HTTP_204_NO_CONTENT)
def remove_endpoint(request: Request, caller: Manager, ref: Ref) -> None:
    """Revoke its agent's key; tasks that wait for it or run there fail. What it has computed stays."""
    backend: Backend = request.app.state.backend
    with backend.sessions() as db:
        row = _own(db, caller, ref)
        changes.remove(db, caller, row)
        db.commit()
        endpoint_id, name = row.id, row.name
    backend.withdraw(endpoint_id, name)
