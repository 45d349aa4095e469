"""Classes: make, join, run and leave them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Security, status
from openbeam.models import (
    Class,
    ClassChange,
    ClassCode,
    ClassJoin,
    ClassSpec,
    Member,
    MemberChange,
    ReturnKey,
)

from openbeam_service.access import managed_classes, owned_classes
from openbeam_service.classes import members, pupils, store
from openbeam_service.classes.codes import spaced
from openbeam_service.database import Db
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.limits import Door, address_of

__all__ = ["router"]

router = APIRouter(prefix="/classes", tags=["classes"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]
Joiner = Annotated[Principal, Security(principal, scopes=["tasks:run"])]
Teacher = Annotated[Principal, Security(principal, scopes=["classes:manage"])]
Ref = Annotated[str, Path(max_length=64, description="Id or name of the class.")]
UserId = Annotated[str, Path(max_length=36, description="Id of somebody in the class.")]
_GONE = status.HTTP_204_NO_CONTENT


@router.post("", summary="Make a class", status_code=status.HTTP_201_CREATED)
def make_class(request: Request, db: Db, caller: Teacher, spec: ClassSpec) -> Class:
    """Make a class of the caller's, with a join code."""
    settings = request.app.state.settings
    row = store.make(db, caller, db.get_one(UserRow, caller.user_id), spec, settings)
    return store.shown(db, settings, caller, row)


@router.get("", summary="Classes that the caller is in")
def list_classes(
    request: Request,
    db: Db,
    caller: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> list[Class]:
    """Return them by name; an administrator sees all."""
    return store.listed(db, request.app.state.settings, caller, limit, offset)


@router.post("/join", summary="Join a class with its code")
def join_class(request: Request, db: Db, caller: Joiner, wanted: ClassJoin) -> Class:
    """Join as the caller. Who is in the class already stays as they are."""
    state = request.app.state
    state.limits.spend(Door.join_code, address_of(request))
    row = store.join(db, caller, wanted.code, state.settings)
    return store.shown(db, state.settings, caller, row)


@router.get("/{ref}", summary="One class, by id or name")
def get_class(request: Request, db: Db, caller: Reader, ref: Ref) -> Class:
    """Return it; its teachers see the join code."""
    return store.shown(db, request.app.state.settings, caller, store.find(db, caller, ref))


@router.patch("/{ref}", summary="Rename a class, open or close it")
def change_class(request: Request, db: Db, caller: Teacher, ref: Ref, wanted: ClassChange) -> Class:
    """Change what is said. Closing a class closes its pupils' accounts until it is opened again."""
    row = store.find(db, caller, ref, managed_classes(caller))
    store.change(db, caller, row, wanted)
    return store.shown(db, request.app.state.settings, caller, row)


@router.delete("/{ref}", summary="Delete a class", status_code=_GONE)
def delete_class(db: Db, caller: Teacher, ref: Ref) -> None:
    """Delete the caller's class. Its pupils' accounts are closed and their nicknames forgotten."""
    store.remove(db, caller, store.find(db, caller, ref, owned_classes(caller)))


# ------------------------------------------------------------------------------------------------ join code
@router.post("/{ref}/code", summary="Give a class a new join code")
def new_join_code(request: Request, db: Db, caller: Teacher, ref: Ref, wanted: ClassCode) -> Class:
    """Replace the code; the old one stops working."""
    row = store.find(db, caller, ref, managed_classes(caller))
    store.new_code(db, caller, row, wanted.days)
    return store.shown(db, request.app.state.settings, caller, row)


@router.delete("/{ref}/code", summary="Close joining")
def close_joining(request: Request, db: Db, caller: Teacher, ref: Ref) -> Class:
    """Take the join code away. Who is in the class stays, and pupils come back with their return keys."""
    row = store.find(db, caller, ref, managed_classes(caller))
    store.close_joining(db, caller, row)
    return store.shown(db, request.app.state.settings, caller, row)


# ------------------------------------------------------------------------------------------------ members
@router.get("/{ref}/members", summary="Everybody in a class")
def list_members(db: Db, caller: Teacher, ref: Ref) -> list[Member]:
    """Return teachers first, then by name. For the teachers of the class."""
    row = store.find(db, caller, ref, managed_classes(caller))
    return [members.shown(member) for member in members.listed(db, row)]


@router.patch("/{ref}/members/{user_id}", summary="Make somebody a teacher of a class, or a plain member")
def change_member(db: Db, caller: Teacher, ref: Ref, user_id: UserId, wanted: MemberChange) -> Member:
    """Change somebody's role in the class. A teacher of a class has a teacher's account."""
    row = store.find(db, caller, ref, managed_classes(caller))
    member = members.find(db, row, user_id)
    members.set_role(db, caller, row, member, wanted.role)
    return members.shown(member)


@router.delete("/{ref}/members/{user_id}", summary="Take somebody out of a class, or leave it", status_code=_GONE)
def remove_member(db: Db, caller: Joiner, ref: Ref, user_id: UserId) -> None:
    """Remove a member: its teachers anybody but the owner, everybody themselves. A pupil's account is closed."""
    row = store.find(db, caller, ref, None if user_id == caller.user_id else managed_classes(caller))
    members.remove(db, caller, row, members.find(db, row, user_id))


@router.post("/{ref}/members/{user_id}/key", summary="Give a pupil a new return key")
def new_return_key(db: Db, caller: Teacher, ref: Ref, user_id: UserId) -> ReturnKey:
    """Return a key for a pupil who has lost theirs. It is shown this once; the old one stops working."""
    row = store.find(db, caller, ref, managed_classes(caller))
    return ReturnKey(key=spaced(pupils.new_key(db, caller, row, members.find(db, row, user_id))))
