"""The routes of functions: publish, find, share, deprecate, delete."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response, Security, status
from openbeam.errors import InvalidInput
from openbeam.models import Deprecate, Function, FunctionPage, FunctionQuery, FunctionSpec, FunctionSummary, Sharing

from openbeam_service.access import check_own, own_functions
from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.registry import changes, store
from openbeam_service.registry.listing import list_functions, list_versions
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.shown import shown_function, summary

__all__ = ["router"]

router = APIRouter(prefix="/functions", tags=["functions"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]
Author = Annotated[Principal, Security(principal, scopes=["functions:write"])]
Ref = Annotated[str, Path(max_length=120, description="Id, `name`, `name@version` or `name@latest`.")]

_SAME: Final[dict[int | str, Any]] = {200: {"description": "It was there already, just like this."}}


def _own(db: Db, caller: Principal, ref: str) -> FunctionRow:
    row = store.find_function(db, caller, ref)
    check_own(db, row, own_functions(caller), row.ref)
    return row


@router.post("", summary="Publish a function", status_code=status.HTTP_201_CREATED, responses=_SAME)
def publish_function(response: Response, db: Db, caller: Author, spec: FunctionSpec) -> Function:
    """Add a version of the caller's function. The same again gives the version that is there."""
    row, is_new = store.publish_function(db, caller, spec)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return shown_function(caller, row)


@router.get("", summary="Functions that the caller may run")
def list_all(db: Db, caller: Reader, asked: Annotated[FunctionQuery, Query()]) -> list[FunctionSummary]:
    """Return the latest version of each function that fits, best first; without a search, by name."""
    return [summary(caller, row) for row in list_functions(db, caller, asked)]


@router.get("/{ref}", summary="One function")
def get_function(db: Db, caller: Reader, ref: Ref) -> Function:
    """Return it by id, ``name``, ``name@version`` or ``name@latest``."""
    return shown_function(caller, store.find_function(db, caller, ref))


@router.get("/{ref}/versions", summary="All versions of a function")
def get_versions(db: Db, caller: Reader, ref: Ref, page: Annotated[FunctionPage, Query()]) -> list[FunctionSummary]:
    """Return those that the caller may see, newest first."""
    row = store.find_function(db, caller, ref)
    return [summary(caller, one) for one in list_versions(db, caller, row, page)]


@router.put("/{ref}/sharing", summary="Say who sees a version")
def share_function(db: Db, caller: Author, ref: Ref, sharing: Sharing) -> Function:
    """Keep it private, share it with classes that the caller teaches, or show it to everybody (teachers only)."""
    row = _own(db, caller, ref)
    changes.share(db, caller, row, sharing)
    return shown_function(caller, row)


@router.put("/{ref}/deprecation", summary="Deprecate a version")
def deprecate_function(db: Db, caller: Author, ref: Ref, why: Deprecate) -> Function:
    """Say why it should not be used any more, and what to use instead. It still runs, and says so."""
    row = _own(db, caller, ref)
    successor = why.successor and store.find_function(db, caller, why.successor).ref
    if successor == row.ref:
        raise InvalidInput(f"{row.ref} cannot be its own successor.", field="successor")
    changes.deprecate(db, caller, row, why, successor)
    return shown_function(caller, row)


@router.delete("/{ref}/deprecation", summary="Take a deprecation back")
def undeprecate_function(db: Db, caller: Author, ref: Ref) -> Function:
    """Recommend the version again."""
    row = _own(db, caller, ref)
    changes.undeprecate(db, caller, row)
    return shown_function(caller, row)


@router.delete("/{ref}", summary="Delete a version that nobody has used", status_code=status.HTTP_204_NO_CONTENT)
def delete_function(db: Db, caller: Author, ref: Ref) -> None:
    """Delete it; one that a task or a run cites is a conflict, and can be deprecated."""
    changes.delete(db, caller, _own(db, caller, ref))
