"""All checks, one after the other. One that stumbles is a finding, and does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from openbeam.errors import OpenbeamError

from openbeam_service.doctor.findings import Finding, bad
from openbeam_service.doctor.home import check_disk, check_home
from openbeam_service.doctor.network import check_certificate, check_portal, check_service
from openbeam_service.doctor.stores import check_database, check_queue
from openbeam_service.settings import Settings

__all__ = ["look"]

_CHECKS: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    check_home,
    check_disk,
    check_database,
    check_queue,
    check_service,
    check_portal,
    check_certificate,
)


def look(settings: Settings) -> Iterator[Finding]:
    """Return what all checks find."""
    for check in _CHECKS:
        try:
            yield from check(settings)
        except (OpenbeamError, OSError) as error:
            yield bad(check.__name__.removeprefix("check_"), str(error), "Mend that, and look again.")
