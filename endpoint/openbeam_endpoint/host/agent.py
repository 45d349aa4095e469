"""The host agent: hears what is wanted, does the next steps, and tells what there is.

::

    service  <--HTTP--  listening (a thread)  -->  orders
                                                     |
    service  <--report--  the loop:  look, plan, do <'  -->  Docker

All that has to last is in the service (what is wanted) and in the containers' labels (what was made of it).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Final

import psutil
import structlog
from openbeam import __version__
from openbeam.errors import NotAllowed, NotSignedIn, OpenbeamError
from openbeam.models import HostOrders, HostReport, HostStatus, ImageName, ManagedState
from pydantic import TypeAdapter, ValidationError

from openbeam_endpoint.diary import Diary
from openbeam_endpoint.host.carry import Carrier
from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.host.folder import HostFolder
from openbeam_endpoint.host.hands import Found, Hands
from openbeam_endpoint.host.link import HostLink
from openbeam_endpoint.host.seen import Viewer

__all__ = ["HostAgent"]

log = structlog.get_logger()

_WAIT: Final = 20.0
_LOOK_SECONDS: Final = 2.0
_REPORT_SECONDS: Final = 4.0
_PAUSE: Final = 2.0
_MOST_IMAGES: Final = 200
_IMAGE: Final = TypeAdapter(ImageName)


class HostAgent:
    """One host at work."""

    def __init__(self, folder: HostFolder, config: HostConfig, diary: Diary) -> None:
        self._diary = diary
        identity = folder.identity()
        self._link = HostLink(config.url, identity.host_id, folder.key())
        self._config = config
        self._limits = config.limits
        self._hands = Hands(config, identity.host_id)
        self._carrier = Carrier(identity.host_id, config, self._limits, self._hands, self._link)
        self._viewer = Viewer(self._hands)
        self._orders: HostOrders | None = None
        self._refused: OpenbeamError | None = None
        self._wake = threading.Event()
        self._reported = 0.0
        self._trouble = ""
        self._away = False

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set. What runs goes on running, unless the settings say otherwise.

        Raises
        ------
        NotSignedIn, NotAllowed
            When the service does not want this host (any more).

        """
        threading.Thread(target=self._listen, args=(stop,), name="orders", daemon=True).start()
        try:
            while not stop.is_set():
                self._wake.clear()
                self._step()
                if self._refused is not None:
                    raise self._refused
                self._wake.wait(_LOOK_SECONDS)
        finally:
            self._link.close()
            if not self._config.keep_running:
                self._hands.remove_all()

    def stop(self) -> None:
        """Wake the loop, so that it sees that it is to end."""
        self._wake.set()

    # -------------------------------------------------------------------------------------------- orders
    def _listen(self, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                known = self._orders
                orders = self._link.orders(known.generation if known else 0, _WAIT if known else 0)
            except (NotSignedIn, NotAllowed) as error:
                self._refused = error
                self._wake.set()
                return
            except OpenbeamError as error:
                self._note_away(error)
                stop.wait(_PAUSE)
                continue
            self._note_back()
            if known is None or orders.generation != known.generation:
                log.info("orders", generation=orders.generation, endpoints=len(orders.endpoints))
            self._orders = orders
            self._wake.set()

    def _note_away(self, error: OpenbeamError) -> None:
        if not self._away:
            self._away = True
            log.warning("the service does not answer, trying again", reason=error.message)

    def _note_back(self) -> None:
        if self._away:
            self._away = False
            log.info("the service answers again", url=self._link.url)

    # -------------------------------------------------------------------------------------------- steps
    def _step(self) -> None:
        orders = self._orders
        if orders is None:
            return  # nobody knows yet what is wanted: what runs goes on running
        there: list[Found] = []
        changed = False
        try:
            there, changed = self._carrier.carry_out(orders)
            self._note_trouble("")
        except (NotSignedIn, NotAllowed) as error:
            self._refused = error
            return
        except OpenbeamError as error:
            self._note_trouble(error.message)
        if changed or time.monotonic() > self._reported + _REPORT_SECONDS:
            self._report(orders, there)
        if changed:
            self._wake.set()

    def _note_trouble(self, trouble: str) -> None:
        if trouble != self._trouble:
            self._trouble = trouble
            self._diary.trouble(trouble)
            (log.warning if trouble else log.info)("the container engine", says=trouble or "answers again")

    def _report(self, orders: HostOrders, there: Sequence[Found]) -> None:
        try:
            seen = [] if self._trouble else self._viewer.seen(orders, there, self._carrier)
            gone = [] if self._trouble else self._carrier.gone(orders)
            self._link.report(HostReport(status=self._status(), endpoints=seen, gone=gone))
            self._reported = time.monotonic()
            if not self._trouble and all(one.state is not ManagedState.starting for one in seen):
                self._diary.ready()
        except (NotSignedIn, NotAllowed) as error:
            self._refused = error
        except OpenbeamError as error:
            self._note_away(error)

    def _status(self) -> HostStatus:
        status = HostStatus(
            version=__version__,
            cpus=psutil.cpu_count() or 1,
            memory=psutil.virtual_memory().total,
            limits=self._limits,
            problem=self._trouble,
        )
        if not self._trouble:
            status.engine = self._hands.version()
            status.images = [name for name in self._hands.images() if self._limits.allows(name) and _is_name(name)]
            status.images = status.images[:_MOST_IMAGES]
        return status


def _is_name(name: str) -> bool:
    try:
        _IMAGE.validate_python(name)
    except ValidationError:
        return False
    return True
