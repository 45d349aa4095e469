"""What the registry keeps of functions and datasets: publication, look-up, and how they are shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, Final

from openbeam.errors import Conflict, InvalidInput, UnknownDataset, UnknownFile, UnknownFunction
from openbeam.models import DataFile, Dataset, DatasetSpec, Function, FunctionSpec, FunctionSummary, Lesson
from sqlalchemy import ColumnElement, Select, Text, func, or_, select
from sqlalchemy.orm import Session, undefer_group

from openbeam_service.access import visible_datasets, visible_files, visible_functions
from openbeam_service.audit.store import note
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import OPERATOR
from openbeam_service.registry.models import DatasetRow, FunctionRow, StoredFileRow
from openbeam_service.registry.schema import check_parameters
from openbeam_service.registry.source import check_source

__all__ = [
    "MAX_LISTED",
    "find_dataset",
    "find_function",
    "list_datasets",
    "list_functions",
    "publish_dataset",
    "publish_function",
    "shown_dataset",
    "shown_function",
    "summary",
]

MAX_LISTED: Final = 1_000
"""Functions or datasets in one answer."""

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

    """
    check_source(spec.source, spec.entrypoint)
    check_parameters(spec.parameters)
    _check_reserved(db, caller, spec.name)
    content = hashlib.sha256(spec.model_dump_json().encode()).hexdigest()
    mine = (FunctionRow.owner_id == caller.user_id, FunctionRow.name == spec.name)
    latest = db.scalar(select(FunctionRow).where(*mine).order_by(FunctionRow.version.desc()).limit(1))
    if latest is not None and latest.content == content:
        return latest, False
    row = FunctionRow(
        **spec.model_dump(exclude={"lessons"}),
        lessons=[lesson.model_dump() for lesson in spec.lessons],
        owner_id=caller.user_id,
        version=1 if latest is None else latest.version + 1,
        sha256=hashlib.sha256(spec.source.encode()).hexdigest(),
        content=content,
    )
    db.add(row)
    db.flush()
    note(db, caller, "function.publish", row.id, row.ref, public=row.public, sha256=row.sha256)
    return row, True


def _check_reserved(db: Session, caller: Principal, name: str) -> None:
    catalogs = select(FunctionRow.id).join(UserRow).where(UserRow.name == OPERATOR, FunctionRow.public)
    if caller.name != OPERATOR and db.scalar(catalogs.where(FunctionRow.name == name).limit(1)):
        raise Conflict(f"The name {name!r} belongs to the catalog. Choose another one.", name=name)


def find_function(db: Session, caller: Principal, ref: str) -> FunctionRow:
    """Return the function that an id, ``name``, ``name@version`` or ``name@latest`` stands for.

    A name means the caller's own function before the catalog's, and that before anybody else's.

    Raises
    ------
    UnknownFunction
        Names the nearest names, or the versions that there are.

    """
    visible = visible_functions(caller)
    match = _REF.fullmatch(ref)
    name, version = (match["name"], match["version"]) if match else (ref, None)
    brief = select(FunctionRow.id, FunctionRow.owner_id, FunctionRow.version, UserRow.name).join(UserRow)
    found = db.execute(brief.where(visible, or_(FunctionRow.id == ref, FunctionRow.name == name))).all()
    if not found:
        known = db.scalars(select(FunctionRow.name).where(visible).distinct())
        raise UnknownFunction.among(ref, known)
    if any(row[0] == ref for row in found):
        return db.get_one(FunctionRow, ref, options=[undefer_group("body")])
    owner_id = min(found, key=lambda row: (row[1] != caller.user_id, row[3] != OPERATOR, row[3]))[1]
    versions = {number: function_id for function_id, owner, number, _ in found if owner == owner_id}
    wanted = int(version) if version and version != "latest" else max(versions)
    if wanted not in versions:
        raise UnknownFunction.among(ref, [f"{name}@{number}" for number in sorted(versions, reverse=True)])
    return db.get_one(FunctionRow, versions[wanted], options=[undefer_group("body")])


def list_functions(db: Session, caller: Principal, search: str = "") -> Sequence[FunctionRow]:
    """Return the latest version that the caller may see of every function, by name."""
    ranked = select(
        FunctionRow.id,
        func.row_number()
        .over(partition_by=(FunctionRow.owner_id, FunctionRow.name), order_by=FunctionRow.version.desc())
        .label("rank"),
    ).where(visible_functions(caller))
    latest = ranked.subquery()
    query = select(FunctionRow).join(latest, latest.c.id == FunctionRow.id).where(latest.c.rank == 1)
    if search.strip():
        query = _searched(query, search.strip())
    return db.scalars(query.order_by(FunctionRow.name, FunctionRow.created).limit(MAX_LISTED)).all()


def _searched(query: Select[FunctionRow], search: str) -> Select[FunctionRow]:
    for word in search.split()[:8]:
        columns = (FunctionRow.name, FunctionRow.title, FunctionRow.description, FunctionRow.tags.cast(Text))
        query = query.where(or_(*(_contains(column, word) for column in columns)))
    return query


def _contains(column: Any, word: str) -> ColumnElement[bool]:
    return func.lower(column).contains(word.lower(), autoescape=True)


def summary(row: FunctionRow) -> FunctionSummary:
    """Return a function as lists show it."""
    return FunctionSummary(**_brief(row))


def shown_function(row: FunctionRow) -> Function:
    """Return a function with everything."""
    return Function(
        **_brief(row),
        source=row.source,
        entrypoint=row.entrypoint,
        parameters=row.parameters,
        lessons=[Lesson.model_validate(lesson) for lesson in row.lessons],
        timeout=row.timeout,
    )


def _brief(row: FunctionRow) -> dict[str, Any]:
    same = ("id", "name", "version", "kind", "title", "description", "tags", "datasets", "public", "sha256", "created")
    return {**{field: getattr(row, field) for field in same}, "owner": row.owner.name}


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
