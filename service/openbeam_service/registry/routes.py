"""Publish and find functions and datasets; upload and download files. The routes of functions are in ``functions``."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Request, Response, Security, status
from fastapi.responses import FileResponse
from openbeam.errors import NotAllowed
from openbeam.models import Dataset, DatasetSpec, StoredFile
from starlette.concurrency import run_in_threadpool

from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.identity.scopes import AGENT_SCOPE
from openbeam_service.registry import functions, store, uploads

__all__ = ["router"]

router = APIRouter()
router.include_router(functions.router)
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]
Curator = Annotated[Principal, Security(principal, scopes=["datasets:write"])]
Anybody = Annotated[Principal, Security(principal)]

_REPLACED: Final[dict[int | str, Any]] = {200: {"description": "The caller's dataset of this name is replaced."}}


# ------------------------------------------------------------------------------------------------ datasets
@router.post(
    "/datasets",
    tags=["datasets"],
    summary="Publish a dataset",
    status_code=status.HTTP_201_CREATED,
    responses=_REPLACED,
)
def publish_dataset(response: Response, db: Db, caller: Curator, spec: DatasetSpec) -> Dataset:
    """Add a dataset, or replace the caller's of that name. Runs that have begun keep what they began with."""
    row, is_new = store.publish_dataset(db, caller, spec)
    if not is_new:
        response.status_code = status.HTTP_200_OK
    return store.shown_dataset(row)


@router.get("/datasets", tags=["datasets"], summary="All datasets")
def list_datasets(db: Db, caller: Reader) -> list[Dataset]:
    """Return them by name."""
    return [store.shown_dataset(row) for row in store.list_datasets(db, caller)]


@router.get("/datasets/{name}", tags=["datasets"], summary="One dataset")
def get_dataset(db: Db, caller: Reader, name: str) -> Dataset:
    """Return it."""
    return store.shown_dataset(store.find_dataset(db, caller, name))


# ------------------------------------------------------------------------------------------------ files
@router.post(
    "/files",
    tags=["files"],
    summary="Upload a file",
    status_code=status.HTTP_201_CREATED,
    openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "required": True}},
)
async def upload(request: Request, caller: Curator) -> StoredFile:
    """Keep the body as a file of the caller's. Uploading the same content again gives the same key."""
    state = request.app.state
    received = await run_in_threadpool(uploads.Received, state.settings.home.files)
    with received:
        await uploads.receive(received, request.stream(), state.settings.max_upload_bytes)
        return await run_in_threadpool(_keep, request, caller, received)


def _keep(request: Request, caller: Principal, received: uploads.Received) -> StoredFile:
    with request.app.state.sessions.begin() as db:
        return uploads.shown_file(uploads.keep(db, caller, received))


@router.get("/files/{key}", tags=["files"], summary="Download a file", response_class=FileResponse)
def download(request: Request, db: Db, caller: Anybody, key: str) -> FileResponse:
    """Return the bytes, to its uploader, or to an agent that has a task for it. Ranges are possible."""
    if not caller.scopes.intersection({AGENT_SCOPE, "catalog:read"}):
        raise NotAllowed("This token may not read files. It needs: catalog:read.", scope=["catalog:read"])
    path = uploads.find_file(db, caller, request.app.state.settings.home.files, key)
    return FileResponse(path, media_type="application/octet-stream", filename=key)
