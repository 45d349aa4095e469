"""How managed endpoints are, for the service to show."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from openbeam.errors import OpenbeamError
from openbeam.models import HostOrders, ManagedOrder, ManagedSeen, ManagedState, ManagedWish

from openbeam_endpoint.host.carry import Carrier
from openbeam_endpoint.host.hands import Found, Hands
from openbeam_endpoint.host.plan import AGENT

__all__ = ["Viewer", "state_of"]

_HEALTH: Final = {"healthy": ManagedState.running, "unhealthy": ManagedState.unhealthy}
_REASONS: Final = {
    77: "The service does not accept its key (any more). Restart it, and it gets a new one.",
    78: "Its settings are refused; its log says which.",
    127: "Its image has no openbeam-endpoint.",
}
"""By the exit status of an agent; 127 is Docker's for a program that is not there."""


class Viewer:
    """Looks closer at what there is. It remembers how much CPU was used, to tell how much is."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._used: dict[str, tuple[float, float]] = {}

    def seen(self, orders: HostOrders, there: Sequence[Found], carrier: Carrier) -> list[ManagedSeen]:
        """Return how each endpoint is."""
        return [
            self._one(order, [one for one in there if one.container.endpoint == order.id], carrier)
            for order in orders.endpoints
        ]

    def _one(self, order: ManagedOrder, there: Sequence[Found], carrier: Carrier) -> ManagedSeen:
        agent = next((one for one in there if one.container.role == AGENT), None)
        problem = carrier.problems.get(order.id, "")
        draining = agent is not None and carrier.draining(agent.container)
        state = state_of(order, agent, problem=problem, draining=draining)
        cpu, memory = self._use(there)
        seen = ManagedSeen(
            id=order.id,
            generation=carrier.carried(order.id),
            state=state,
            cpu=cpu,
            memory=memory,
            engines=sum(one.container.phase == "running" for one in there if one is not agent),
            restarts=carrier.starts(order.id) + sum(one.restarts for one in there),
            problem=problem or (_why(agent) if agent and state is ManagedState.failed else ""),
        )
        if agent is not None:
            seen.container, seen.image_id, seen.started = agent.container.id, agent.image, agent.started
            with suppress(OpenbeamError):
                seen.log = self._hands.log(agent.container)
        return seen

    def _use(self, there: Sequence[Found]) -> tuple[float, int]:
        """Return the cores and the bytes in use by containers together."""
        cores, memory = 0.0, 0
        for one in there:
            if one.container.phase != "running":
                continue
            with suppress(OpenbeamError):
                moment, used, size = self._hands.use(one.container)
                before = self._used.get(one.container.id)
                self._used[one.container.id] = moment, used
                memory += size
                if before and moment > before[0]:
                    cores += max(0.0, used - before[1]) / (moment - before[0])
        known = {one.container.id for one in there}
        if len(self._used) > 4 * (len(known) + 64):  # containers come and go
            self._used = {name: last for name, last in self._used.items() if name in known}
        return round(cores, 2), memory


def state_of(order: ManagedOrder, agent: Found | None, *, problem: str, draining: bool) -> ManagedState:
    """Return where an endpoint stands."""
    phase = agent.container.phase if agent else None
    if order.removing:
        return ManagedState.removing
    if draining:
        return ManagedState.draining
    if phase == "running" and agent:
        return _HEALTH.get(agent.health, ManagedState.starting)
    if problem or phase == "restarting":
        return ManagedState.failed
    return ManagedState.stopped if order.wanted is ManagedWish.stopped else ManagedState.starting


def _why(agent: Found) -> str:
    if agent.out_of_memory:
        return "Its agent was killed for using too much memory, and is started again."
    again = f"Its agent ended with status {agent.exit_status}, and is started again; its log may say why."
    return _REASONS.get(agent.exit_status, again)
