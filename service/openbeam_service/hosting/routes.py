"""Hosts, and the endpoints that administrators manage on them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response, Security, status
from openbeam.models import Host, HostSpec, ManagedChange, ManagedEndpoint, ManagedLog, ManagedSpec
from sqlalchemy.orm import Session

from openbeam_service.access import managed_hosts, visible_managed
from openbeam_service.database import Db
from openbeam_service.hosting import managed, store
from openbeam_service.hosting.agent import news
from openbeam_service.hosting.models import HostRow, ManagedRow
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.tasks.backend import Backend

__all__ = ["router"]

router = APIRouter(prefix="/hosts", tags=["hosts"])
Admin = Annotated[Principal, Security(principal, scopes=["admin"])]
Ref = Annotated[str, Path(max_length=64, description="Id or name of the host.")]
Managed = Annotated[str, Path(max_length=64, description="Id or name of its endpoint.")]
_GONE: Final = status.HTTP_204_NO_CONTENT


@contextmanager
def _changing(request: Request, caller: Principal, ref: str) -> Iterator[tuple[Session, HostRow]]:
    """Give a host that is to be changed, and tell its agent of it once that is stored."""
    backend: Backend = request.app.state.backend
    with backend.sessions() as db:
        host = store.find(db, managed_hosts(caller), ref, change=True)
        host_id = host.id
        yield db, host
        db.commit()
    backend.notifier.tell([news(host_id)])


def _find(db: Session, caller: Principal, host: HostRow, ref: str) -> ManagedRow:
    return managed.find(db, visible_managed(caller), host, ref)


@router.post(
    "",
    summary="Enrol a host, or give it a new key",
    status_code=status.HTTP_201_CREATED,
    responses={200: {"description": "The host was there; its key is replaced."}},
)
def enrol_host(response: Response, db: Db, caller: Admin, spec: HostSpec) -> Host:
    """Let the agent that has this key run what administrators want of it. Its id is the agent's OAuth client id."""
    row, is_new = store.enrol(db, caller, spec)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return store.shown(db, row)


@router.get("", summary="All hosts")
def list_hosts(db: Db, caller: Admin) -> list[Host]:
    """Return them by name, with their endpoints."""
    return [store.shown(db, row) for row in store.listed(db, managed_hosts(caller))]


@router.get("/{ref}", summary="One host, by id or name")
def get_host(db: Db, caller: Admin, ref: Ref) -> Host:
    """Return it, with its endpoints and what its own settings allow."""
    return store.shown(db, store.find(db, managed_hosts(caller), ref))


@router.delete("/{ref}/key", summary="Revoke a host's key", status_code=_GONE)
def revoke_host(request: Request, caller: Admin, ref: Ref) -> None:
    """Refuse its agent from now on, and the agents of its endpoints, until it is enrolled again."""
    with _changing(request, caller, ref) as (db, host):
        store.revoke(db, caller, host)


@router.delete("/{ref}", summary="Forget a host", status_code=_GONE)
def delete_host(db: Db, caller: Admin, ref: Ref) -> None:
    """Forget a host that has no endpoints."""
    store.delete(db, caller, store.find(db, managed_hosts(caller), ref, change=True))


@router.post("/{ref}/endpoints", summary="Have a host run an endpoint", status_code=status.HTTP_201_CREATED)
def add_managed(request: Request, caller: Admin, ref: Ref, spec: ManagedSpec) -> ManagedEndpoint:
    """Want it; the host makes its containers and its key."""
    with _changing(request, caller, ref) as (db, host):
        return managed.shown(managed.add(db, caller, host, spec))


@router.get("/{ref}/endpoints/{name}", summary="One endpoint of a host")
def get_managed(db: Db, caller: Admin, ref: Ref, name: Managed) -> ManagedEndpoint:
    """Return what is wanted of it and what its host sees."""
    return managed.shown(_find(db, caller, store.find(db, managed_hosts(caller), ref), name))


@router.patch("/{ref}/endpoints/{name}", summary="Start, stop, scale or update an endpoint of a host")
def change_managed(request: Request, caller: Admin, ref: Ref, name: Managed, wanted: ManagedChange) -> ManagedEndpoint:
    """Change what is given. With another image or size it is replaced once its tasks have ended."""
    with _changing(request, caller, ref) as (db, host):
        row = _find(db, caller, host, name)
        managed.change(db, caller, row, wanted)
        return managed.shown(row)


@router.post("/{ref}/endpoints/{name}/restart", summary="Make the containers of an endpoint anew")
def restart_managed(request: Request, caller: Admin, ref: Ref, name: Managed) -> ManagedEndpoint:
    """Replace them, and the key, once its tasks have ended."""
    with _changing(request, caller, ref) as (db, host):
        row = _find(db, caller, host, name)
        managed.restart(db, caller, row)
        return managed.shown(row)


@router.get("/{ref}/endpoints/{name}/log", summary="The last lines of an endpoint's log")
def get_log(db: Db, caller: Admin, ref: Ref, name: Managed) -> ManagedLog:
    """Return them as its host last sent them."""
    row = _find(db, caller, store.find(db, managed_hosts(caller), ref), name)
    return ManagedLog(lines=row.log or [], at=row.seen_at)


@router.delete("/{ref}/endpoints/{name}", summary="Take an endpoint of a host away", status_code=_GONE)
def remove_managed(request: Request, caller: Admin, ref: Ref, name: Managed) -> None:
    """Revoke its key and let its tasks fail; its host clears its containers and files away."""
    with _changing(request, caller, ref) as (db, host):
        row = _find(db, caller, host, name)
        managed.remove(db, caller, row)
        endpoint_id, called = row.id, row.endpoint.name
    backend: Backend = request.app.state.backend
    backend.withdraw(endpoint_id, called)
