"""Carries orders out: what the host's own limits let through, one plan after the other."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

import structlog
from joserfc.jwk import ECKey
from openbeam.errors import NotAllowed, NotSignedIn, OpenbeamError
from openbeam.models import HostLimits, HostOrders, ManagedOrder, ManagedSize, ManagedWish

from openbeam_endpoint.host import spec
from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.host.hands import Found, Hands
from openbeam_endpoint.host.link import HostLink
from openbeam_endpoint.host.plan import (
    AGENT,
    Clear,
    Container,
    Create,
    Drain,
    Remove,
    Start,
    Step,
    Stop,
    Wanted,
    plan,
)
from openbeam_endpoint.identity import public_jwk

__all__ = ["Carrier"]

log = structlog.get_logger()

_AGAIN_SECONDS: Final = 10.0
"""After a step failed, nothing is tried of that endpoint for so long."""


class Carrier:
    """What the host agent remembers between two looks; a new one finds all that matters again."""

    def __init__(self, host: str, config: HostConfig, limits: HostLimits, hands: Hands, link: HostLink) -> None:
        self._host = host
        self._config = config
        self._limits = limits
        self._hands = hands
        self._link = link
        self._draining: dict[str, float] = {}
        self._failed: dict[str, tuple[float, str]] = {}
        self._images: dict[str, str] = {}
        self._starts: dict[str, int] = {}
        self._left: set[str] = set()
        self._carried: dict[str, int] = {}
        self.problems: dict[str, str] = {}
        """Why an endpoint is not as it is wanted, by its id."""

    def carry_out(self, orders: HostOrders) -> tuple[list[Found], bool]:
        """Do the next steps; return what there was before them, and whether there were any.

        Raises
        ------
        EngineFault
            When the container engine cannot be looked at.

        """
        there, volumes = self._hands.look(), self._hands.volumes()
        alive = {one.container.id for one in there if one.container.phase == "running"}
        self._draining = {name: since for name, since in self._draining.items() if name in alive}
        self._left = {one.container.endpoint for one in there} | volumes
        now = time.monotonic()
        self._failed = {name: failed for name, failed in self._failed.items() if now < failed[0]}
        self.problems = {name: reason for name, (_, reason) in self._failed.items()}
        wanted = self._wanted(orders)
        by_id = {order.id: order for order in orders.endpoints}
        steps = plan(self._host, wanted, [self._marked(one.container) for one in there], volumes)
        self._note_carried(orders, there, steps)
        done = [self._try(step, by_id) for step in steps]
        return there, any(done)

    def _note_carried(self, orders: HostOrders, there: list[Found], steps: list[Step]) -> None:
        """Note whose orders have been carried out: nothing is left to do, or nothing can be done."""
        busy = {_endpoint_of(step) for step in steps}
        busy |= {one.container.endpoint for one in there if self.draining(one.container)}
        done = {order.id: order.generation for order in orders.endpoints if order.id not in busy - self.problems.keys()}
        self._carried = {order.id: self._carried.get(order.id, 0) for order in orders.endpoints} | done

    def carried(self, endpoint: str) -> int:
        """Return the generation of the orders for an endpoint that have been carried out."""
        return self._carried.get(endpoint, 0)

    def gone(self, orders: HostOrders) -> list[str]:
        """Return the endpoints that were to be removed, and of which nothing is left."""
        return [order.id for order in orders.endpoints if order.removing and order.id not in self._left]

    def draining(self, container: Container) -> bool:
        """Say whether an agent was told to end."""
        return container.id in self._draining

    def starts(self, endpoint: str) -> int:
        """Return how often containers of an endpoint were started again that had ended."""
        return self._starts.get(endpoint, 0)

    # -------------------------------------------------------------------------------------------- what is wanted
    def _wanted(self, orders: HostOrders) -> list[Wanted]:
        """Return what shall be, those that were wanted first before later ones."""
        admitted: list[ManagedSize] = []
        found = []
        for order in sorted(orders.endpoints, key=lambda one: (one.generation, one.id)):
            if order.removing:
                continue
            running = order.wanted is ManagedWish.running
            if running and (reason := self._limits.refusal(order.image, order, admitted)):
                self.problems[order.id], running = reason, False
            elif running:
                admitted.append(order)
            digest = self._digest(order) if running else None
            found.append(Wanted(order.id, running=running, engines=spec.seat_count(order), spec=digest))
        return found

    def _digest(self, order: ManagedOrder) -> str | None:
        image = self._hands.image_id(order.image)
        if image is None:
            self.problems[order.id] = (
                f"The image {order.image} is not on this host. Bring it: docker pull {order.image}"
            )
            return None
        self._images[order.id] = image
        return spec.digest(order, image, self._config)

    def _marked(self, container: Container) -> Container:
        since = self._draining.get(container.id)
        if since is None:
            return container
        late = time.monotonic() > since + self._config.drain_seconds
        return replace(container, draining="overdue" if late else "yes")

    # -------------------------------------------------------------------------------------------- steps
    def _try(self, step: Step, orders: dict[str, ManagedOrder]) -> bool:
        endpoint = _endpoint_of(step)
        if endpoint in self._failed:
            return False
        try:
            self._do(step, orders)
        except (NotSignedIn, NotAllowed):
            raise
        except OpenbeamError as error:
            log.warning("a step failed", step=type(step).__name__, endpoint=endpoint, reason=error.message)
            self._failed[endpoint] = time.monotonic() + _AGAIN_SECONDS, error.message
            self.problems[endpoint] = error.message
            return False
        log.info("step", step=type(step).__name__, endpoint=endpoint, role=_role(step))
        return True

    def _do(self, step: Step, orders: dict[str, ManagedOrder]) -> None:
        match step:
            case Create(endpoint=endpoint, role=role):
                order, image = orders[endpoint], self._images[endpoint]
                self._hands.create(order, role, image, spec.digest(order, image, self._config))
            case Start(container=container):
                self._start(container, orders[container.endpoint])
            case Drain(container=container):
                self._hands.drain(container)
                self._draining[container.id] = time.monotonic()
            case Stop(container=container):
                self._hands.stop(container)
            case Remove(container=container):
                self._hands.remove(container)
            case Clear(endpoint=endpoint):
                self._hands.clear(endpoint)

    def _start(self, container: Container, order: ManagedOrder) -> None:
        if container.phase != "created":
            self._starts[order.id] = self._starts.get(order.id, 0) + 1
        elif container.role == AGENT:
            key = ECKey.generate_key("P-256", auto_kid=True)
            self._link.give_key(order.id, public_jwk(key))
            self._hands.furnish(container, order, key)
        self._hands.start(container)


def _endpoint_of(step: Step) -> str:
    return step.endpoint if isinstance(step, Create | Clear) else step.container.endpoint


def _role(step: Step) -> str:
    if isinstance(step, Create):
        return step.role
    return "" if isinstance(step, Clear) else step.container.role
