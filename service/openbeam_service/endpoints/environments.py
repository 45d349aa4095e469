"""What endpoints have installed, as their agents say it of themselves."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Annotated, Final

from fastapi import APIRouter, Path, Security
from openbeam.errors import UnknownEnvironment
from openbeam.models import EndpointStatus, Environment, EnvironmentReport
from sqlalchemy import select, update
from sqlalchemy.orm import Session, undefer

from openbeam_service.access import visible_endpoints
from openbeam_service.database import Db
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.store import is_online
from openbeam_service.identity.principal import Principal, principal

__all__ = ["keep", "router"]

router = APIRouter(prefix="/environments", tags=["endpoints"])
Reader = Annotated[Principal, Security(principal, scopes=["catalog:read"])]

_MOST: Final = 1_000
"""Endpoints that are looked at."""


@router.get("", summary="What endpoints have installed")
def list_environments(db: Db, caller: Reader) -> list[Environment]:
    """Return the environments of the endpoints that the caller sees, those that are online first."""
    return sorted(_known(db, caller), key=lambda one: (not one.online, one.names, one.digest))


@router.get("/{ref}", summary="One environment, by name or digest")
def get_environment(db: Db, caller: Reader, ref: Annotated[str, Path(max_length=120)]) -> Environment:
    """Return it, with its packages where an agent has told them."""
    known = sorted(_known(db, caller), key=lambda one: not one.online)
    for one in known:
        if ref in {one.digest, *one.names}:
            return one
    raise UnknownEnvironment.among(ref, [name for one in known for name in (*one.names, one.digest)])


def keep(db: Session, endpoint_id: str, report: EnvironmentReport) -> None:
    """Keep what an agent has told of its engine."""
    mine = update(EndpointRow).where(EndpointRow.id == endpoint_id)
    db.execute(mine.values(packages=report.model_dump()), execution_options={"synchronize_session": False})


def _known(db: Session, caller: Principal) -> list[Environment]:
    seen = select(EndpointRow).where(visible_endpoints(caller), EndpointRow.status.is_not(None))
    rows = db.scalars(seen.options(undefer(EndpointRow.packages)).order_by(EndpointRow.name).limit(_MOST))
    pairs = [(EndpointStatus.model_validate(row.status), row) for row in rows]
    pairs.sort(key=lambda pair: pair[0].environment)
    return [_shown(digest, list(group)) for digest, group in groupby(pairs, key=lambda pair: pair[0].environment)]


def _shown(digest: str, pairs: list[tuple[EndpointStatus, EndpointRow]]) -> Environment:
    return Environment(
        digest=digest,
        names=sorted({status.environment_name for status, _ in pairs if status.environment_name}),
        python=next((status.python for status, _ in pairs if status.python), ""),
        endpoints=[row.name for _, row in pairs],
        online=any(is_online(row) for _, row in pairs),
        packages=_packages(digest, (row for _, row in pairs)),
    )


def _packages(digest: str, rows: Iterable[EndpointRow]) -> list[str]:
    reports = (EnvironmentReport.model_validate(row.packages) for row in rows if row.packages)
    return next((report.packages for report in reports if report.digest == digest), [])
