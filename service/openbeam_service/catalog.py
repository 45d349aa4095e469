"""Publish the catalogs that are installed beside the service.

A catalog is a distribution with an entry point in the group ``openbeam.catalog`` that names a module; ``python -m``
that module writes a ``Catalog`` as JSON. It runs as a process of its own: no function is ever imported here.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

from openbeam.errors import InvalidInput
from openbeam.models import Catalog, Role
from pydantic import ValidationError
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.identity import store as people
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.scopes import ROLE_SCOPES
from openbeam_service.registry import store
from openbeam_service.registry.models import DatasetRow

__all__ = ["from_file", "installed", "publish"]

GROUP: Final = "openbeam.catalog"
_SECONDS: Final = 120


def _read(text: str, whose: str) -> Catalog:
    try:
        return Catalog.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise InvalidInput(f"The catalog of {whose} is not one: {place}: {first['msg']}.", whose=whose) from error


def from_file(path: Path) -> Catalog:
    """Return the catalog in a file.

    Raises
    ------
    InvalidInput
        When it is not one.

    """
    return _read(path.read_text(encoding="utf-8"), str(path))


def installed() -> list[Catalog]:
    """Return all catalogs that are installed, datasets before the functions that name them.

    Raises
    ------
    InvalidInput
        When one cannot be read.

    """
    found = []
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        line = (sys.executable, "-m", entry.module)
        # A module of a distribution that the administrator has installed.
        said = subprocess.run(line, capture_output=True, text=True, check=False, timeout=_SECONDS)  # noqa: S603
        if said.returncode:
            reason = (said.stderr.strip().splitlines() or ["it says nothing"])[-1]
            raise InvalidInput(f"The catalog {entry.name} cannot be read: {reason}.", catalog=entry.name)
        found.append(_read(said.stdout, entry.name))
    return found


def publish(db: Session, catalog: Catalog) -> Iterator[str]:
    """Publish a catalog as the operator; say what became of each."""
    operator = people.the_user(db, people.OPERATOR)
    caller = Principal(operator.id, operator.name, operator.role, ROLE_SCOPES[Role.admin], "cli")
    for dataset in catalog.datasets:
        known = db.scalar(select(DatasetRow.spec).where(DatasetRow.name == dataset.name))
        is_same = known == dataset.model_dump(mode="json")
        if not is_same:
            store.publish_dataset(db, caller, dataset)
        yield f"{'as it was' if is_same else 'published'}  {dataset.name}: {dataset.title}"
    for function in catalog.functions:
        row, is_new = store.publish_function(db, caller, function)
        yield f"{'published' if is_new else 'as it was'}  {row.ref}: {row.title}"
