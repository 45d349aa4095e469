"""What the registry keeps of functions and datasets: publication and look-up."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Final

from openbeam.errors import Conflict, InvalidInput, UnknownDataset, UnknownFile, UnknownFunction
from openbeam.models import DataFile, Dataset, DatasetSpec, FunctionSpec, Sharing, Visibility
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer_group

from openbeam_service.access import visible_datasets, visible_files, visible_functions
from openbeam_service.audit.store import note
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import OPERATOR
from openbeam_service.registry import search
from openbeam_service.registry.changes import share
from openbeam_service.registry.models import DatasetRow, FunctionRow, StoredFileRow
from openbeam_service.registry.schema import check_parameters
from openbeam_service.registry.source import checked_code

__all__ = [
    "MAX_LISTED",
    "find_dataset",
    "find_function",
    "list_datasets",
    "publish_dataset",
    "publish_function",
    "shown_dataset",
]

MAX_LISTED: Final = 1_000
"""Datasets in one answer."""

_ID: Final = re.compile(r"[0-9a-f-]{36}")
_REF: Final = re.compile(r"(?P<name>[^@]*)(?:@(?P<version>[0-9]{1,9}|latest))?")
_UPLOAD: Final = "openbeam://files/"
_PLACES: Final = ("root://", "pypi://", _UPLOAD)


# ------------------------------------------------------------------------------------------------ functions
def publish_function(db: Session, caller: Principal, spec: FunctionSpec) -> tuple[FunctionRow, bool]:
    """Add a version of the caller's function; return it, and False when the latest one is just that.

    Raises
    ------
    InvalidInput
        When the source is not Python or misses its entrypoint, or the schema is not one that may be used.
    Conflict
        When the name is one of the catalog's.
    NotAllowed, UnknownClass
        When the caller may not show it to those whom the specification names.

    """
    code = checked_code(spec)
    check_parameters(spec.parameters)
    _check_reserved(db, caller, spec.name)
    what = spec.model_dump(exclude={"visibility", "classes"})
    content = hashlib.sha256(json.dumps(what).encode()).hexdigest()
    mine = (FunctionRow.owner_id == caller.user_id, FunctionRow.name == spec.name)
    row = db.scalar(select(FunctionRow).where(*mine).order_by(FunctionRow.version.desc()).limit(1))
    is_new = row is None or row.content != content or row.deleted is not None
    if row is None or is_new:
        row = FunctionRow(
            **what,
            owner_id=caller.user_id,
            version=1 if row is None else row.version + 1,
            sha256=hashlib.sha256(code).hexdigest(),
            content=content,
            visibility=Visibility.private,
        )
        db.add(row)
        db.flush()
        search.index(db, row)
        note(db, caller, "function.publish", row.id, row.ref, sha256=row.sha256, format=row.format)
    if spec.visibility is not None:
        share(db, caller, row, Sharing(visibility=spec.visibility, classes=spec.classes))
    return row, is_new


def _check_reserved(db: Session, caller: Principal, name: str) -> None:
    public = FunctionRow.visibility == Visibility.public
    catalogs = select(FunctionRow.id).join(UserRow).where(UserRow.name == OPERATOR, public, FunctionRow.name == name)
    if caller.name != OPERATOR and db.scalar(catalogs.where(FunctionRow.deleted.is_(None)).limit(1)):
        raise Conflict(f"The name {name!r} belongs to the catalog. Choose another one.", name=name)


def find_function(db: Session, caller: Principal, ref: str) -> FunctionRow:
    """Return the function that an id, ``name``, ``name@version`` or ``name@latest`` stands for.

    A name means the caller's own function before the catalog's, and that before anybody else's.

    Raises
    ------
    UnknownFunction
        Names the nearest names, or the versions that there are.

    """
    visible, body = visible_functions(caller), undefer_group("body")
    if _ID.fullmatch(ref):
        row = db.scalar(select(FunctionRow).options(body).where(visible, FunctionRow.id == ref))
        if row is not None:
            return row
    match = _REF.fullmatch(ref)
    name, version = (match["name"], match["version"]) if match else (ref, None)
    brief = select(FunctionRow.id, FunctionRow.owner_id, FunctionRow.version, UserRow.name).join(UserRow)
    found = db.execute(brief.where(visible, FunctionRow.name == name)).all()
    if not found:
        known = db.scalars(select(FunctionRow.name).where(visible).distinct())
        raise UnknownFunction.among(ref, known)
    owner_id = min(found, key=lambda row: (row[1] != caller.user_id, row[3] != OPERATOR, row[3]))[1]
    versions = {number: function_id for function_id, owner, number, _ in found if owner == owner_id}
    wanted = int(version) if version and version != "latest" else max(versions)
    if wanted not in versions:
        raise UnknownFunction.among(ref, [f"{name}@{number}" for number in sorted(versions, reverse=True)])
    return db.get_one(FunctionRow, versions[wanted], options=[body])


# ------------------------------------------------------------------------------------------------ datasets
def publish_dataset(db: Session, caller: Principal, spec: DatasetSpec) -> tuple[DatasetRow, bool]:
    """Add a dataset, or replace the caller's of that name; return it, and whether it is new.

    Raises
    ------
    Conflict
        When the name is somebody else's.
    InvalidInput
        When a file is listed twice, or is where no endpoint may look.
    UnknownFile
        When an uploaded file is not the caller's.

    """
    _check_files(db, caller, spec)
    row = db.scalar(select(DatasetRow).where(DatasetRow.name == spec.name))
    if row is not None and row.owner_id != caller.user_id:
        raise Conflict(f"The dataset {spec.name!r} is {row.owner.name}'s. Choose another name.", name=spec.name)
    is_new = row is None
    if row is None:
        row = DatasetRow(name=spec.name, owner_id=caller.user_id)
        db.add(row)
    row.spec = spec.model_dump(mode="json")
    db.flush()
    note(db, caller, "dataset.publish", row.id, row.name, replaced=not is_new)
    return row, is_new


def _check_files(db: Session, caller: Principal, spec: DatasetSpec) -> None:
    seen = set()
    for number, file in enumerate(spec.files):
        field = f"files.{number}"
        if (file.checksum, file.size) in seen:
            raise InvalidInput(f"{file.uri} is in the dataset twice; its events would count twice.", field=field)
        seen.add((file.checksum, file.size))
        if not file.uri.startswith(_PLACES):
            raise InvalidInput(f"{file.uri}: a file's address begins with {' or '.join(_PLACES)}.", field=field)
        if file.uri.startswith(_UPLOAD):
            _check_upload(db, caller, file)


def _check_upload(db: Session, caller: Principal, file: DataFile) -> None:
    key = file.uri.removeprefix(_UPLOAD)
    row = db.scalar(select(StoredFileRow).where(visible_files(caller), StoredFileRow.key == key).limit(1))
    if row is None:
        raise UnknownFile(f"You have uploaded no file {key!r}. Upload it first.", name=key, nearest=[])
    if (row.size, row.checksum) != (file.size, file.checksum):
        raise InvalidInput(f"{file.uri} has {row.size:,} bytes and the checksum {row.checksum}.", field="files")


def find_dataset(db: Session, caller: Principal, name: str) -> DatasetRow:
    """Return the dataset with this name.

    Raises
    ------
    UnknownDataset
        Names the nearest names.

    """
    row = db.scalar(select(DatasetRow).where(visible_datasets(caller), DatasetRow.name == name))
    if row is None:
        raise UnknownDataset.among(name, db.scalars(select(DatasetRow.name).where(visible_datasets(caller))))
    return row


def list_datasets(db: Session, caller: Principal) -> Sequence[DatasetRow]:
    """Return all datasets that the caller may see, by name."""
    return db.scalars(
        select(DatasetRow).where(visible_datasets(caller)).order_by(DatasetRow.name).limit(MAX_LISTED)
    ).all()


def shown_dataset(row: DatasetRow) -> Dataset:
    """Return a dataset as people see it."""
    return Dataset.model_validate({**row.spec, "owner": row.owner.name, "created": row.created})
