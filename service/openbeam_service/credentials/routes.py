"""A person's own credentials for places that outputs go to: names and destinations, never what is sealed."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Security, status
from openbeam.models import Credential, CredentialSpec

from openbeam_service.credentials import store
from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, principal

__all__ = ["router"]

router = APIRouter(prefix="/credentials", tags=["credentials"])
Runner = Annotated[Principal, Security(principal, scopes=["tasks:run"])]


@router.get("", summary="The caller's credentials for outputs")
def list_credentials(db: Db, caller: Runner) -> list[Credential]:
    """Return them by name, also those that are not good any more."""
    return [store.shown(row) for row in store.listed(db, caller)]


@router.post("", summary="Store a sealed credential", status_code=status.HTTP_201_CREATED)
def add_credential(db: Db, caller: Runner, spec: CredentialSpec) -> Credential:
    """Keep it for one endpoint, which alone can open it; one of the same name there is replaced."""
    return store.shown(store.add(db, caller, spec))


@router.delete("/{credential_id}", summary="Remove a credential", status_code=status.HTTP_204_NO_CONTENT)
def remove_credential(db: Db, caller: Runner, credential_id: Annotated[str, Path(max_length=36)]) -> None:
    """Remove it: no endpoint gets it any more."""
    store.remove(db, caller, credential_id)
