"""Which isolation this machine can have."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

import structlog
from openbeam.errors import EngineFault, InvalidInput
from openbeam.models import Isolation

from openbeam_endpoint.sandbox import bubblewrap, docker, none, seats
from openbeam_endpoint.sandbox.launch import Order, Sandbox

__all__ = ["LAUNCHERS", "choose_isolation"]

log = structlog.get_logger()

LAUNCHERS: Final[dict[Isolation, Callable[[Order], Sandbox]]] = {
    Isolation.docker: lambda order: seats.launch(order) if seats.given() else docker.launch(order),
    Isolation.bubblewrap: bubblewrap.launch,
    Isolation.none: none.launch,
}

_PROBES: Final[dict[Isolation, Callable[[], bool]]] = {
    Isolation.docker: lambda: seats.given() or docker.works(),
    Isolation.bubblewrap: bubblewrap.works,
    Isolation.none: lambda: True,
}
"""Best first."""

_ADVICE: Final = {
    Isolation.docker: "Start Docker and let this user reach its socket, or set the isolation to `auto`.",
    Isolation.bubblewrap: "Allow this user to make user namespaces, or set the isolation to `auto`.",
}


def choose_isolation(wanted: str = "auto") -> Isolation:
    """Return the isolation asked for, or with ``auto`` the best one that works here.

    Raises
    ------
    InvalidInput
        When there is no isolation of that name.
    EngineFault
        When the one asked for does not work here.

    """
    if not sys.platform.startswith("linux"):
        raise EngineFault("Engines need Linux.")
    if wanted == "auto":
        chosen = next(isolation for isolation, works in _PROBES.items() if works())
    elif wanted in set(Isolation):
        chosen = Isolation(wanted)
        if not _PROBES[chosen]():
            raise EngineFault(f"The isolation {wanted!r} does not work here. {_ADVICE[chosen]}")
    else:
        raise InvalidInput(f"There is no isolation {wanted!r}. Choose auto, {', '.join(Isolation)}.", wanted=wanted)
    if chosen is Isolation.none:
        log.warning("no isolation: functions run with all rights of this user; serve only your own")
    return chosen
