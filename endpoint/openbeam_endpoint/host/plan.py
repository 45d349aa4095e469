"""What to do next: a pure function of what is wanted and what is there.

It looks at one moment and gives the next steps; done again and again it arrives where nothing is left to do, whatever
there was at first and wherever it was interrupted. Containers of others are never named in a step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "AGENT",
    "Clear",
    "Container",
    "Create",
    "Drain",
    "Remove",
    "Start",
    "Step",
    "Stop",
    "Wanted",
    "agents_first",
    "plan",
    "seat",
]

AGENT: Final = "agent"
"""The role of the container with an endpoint's agent."""

Phase = Literal["created", "running", "restarting", "exited", "broken"]
"""``restarting``: it ended by itself, and the container engine starts it again; ``broken``: fit to be removed only."""


def seat(number: int) -> str:
    """Return the role of an engine's container."""
    return f"engine-{number}"


@dataclass(frozen=True)
class Wanted:
    """An endpoint as it shall be."""

    id: str
    running: bool
    engines: int
    """Containers for engines."""
    spec: str | None
    """Of its containers, with the image in it; None when none can be made now. Then what there is stays."""


@dataclass(frozen=True)
class Container:
    """A container with our label."""

    id: str
    host: str
    endpoint: str
    role: str
    spec: str
    phase: Phase
    draining: Literal["no", "yes", "overdue"] = "no"
    """Whether it was told to end once its tasks have, and whether that takes too long."""


@dataclass(frozen=True)
class Create:
    """Make a container, which does not run yet."""

    endpoint: str
    role: str


@dataclass(frozen=True)
class Start:
    """Start a container."""

    container: Container


@dataclass(frozen=True)
class Drain:
    """Tell an agent to take no more work, and to end when its tasks have."""

    container: Container


@dataclass(frozen=True)
class Stop:
    """End a container's processes. An agent gives its tasks back first."""

    container: Container


@dataclass(frozen=True)
class Remove:
    """Remove a container."""

    container: Container


@dataclass(frozen=True)
class Clear:
    """Remove an endpoint's files: no container of it is left."""

    endpoint: str


Step = Create | Start | Drain | Stop | Remove | Clear


def agents_first(containers: Sequence[Container]) -> list[Container]:
    """Return containers in the order in which they are to end: an agent gives its tasks back while its engines live."""
    return sorted(containers, key=lambda one: (one.role != AGENT, one.role))


def plan(host: str, wanted: Sequence[Wanted], there: Sequence[Container], volumes: Collection[str]) -> list[Step]:
    """Return the next steps; ``volumes`` names the endpoints that have files."""
    mine: dict[str, list[Container]] = defaultdict(list)
    for container in there:
        if container.host == host:
            mine[container.endpoint].append(container)
    known = {one.id: one for one in wanted}
    steps = [step for one in wanted for step in _endpoint(one, mine[one.id])]
    for endpoint in sorted((mine.keys() | set(volumes)) - known.keys()):
        steps += [Remove(container) for container in agents_first(mine[endpoint])] or [Clear(endpoint)]
    return steps


def _endpoint(wanted: Wanted, there: Sequence[Container]) -> Iterator[Step]:
    seen: set[str] = set()
    fit: list[Container] = []
    for container in there:
        if container.phase == "broken" or container.role in seen:
            yield Remove(container)
        else:
            seen.add(container.role)
            fit.append(container)
    if len(fit) < len(there):
        return
    if not wanted.running:
        yield from (Stop(one) for one in agents_first(fit) if one.phase in {"running", "restarting"})
    elif old := [one for one in fit if wanted.spec not in {None, one.spec}]:
        yield from _replace(old)
    else:
        yield from _complete(wanted, fit)


def _replace(old: Sequence[Container]) -> Iterator[Step]:
    """Let the agent's tasks end, then remove all that is of another spec."""
    agent = next((one for one in old if one.role == AGENT), None)
    if agent is None or agent.phase not in {"running", "restarting"}:
        yield from (Remove(one) for one in old)
    elif agent.phase == "restarting" or agent.draining == "overdue":
        yield Stop(agent)
    elif agent.draining == "no":
        yield Drain(agent)


def _complete(wanted: Wanted, there: Sequence[Container]) -> Iterator[Step]:
    roles = [*(seat(number) for number in range(wanted.engines)), AGENT]
    have = {one.role: one for one in there}
    for role in roles:
        if role not in have:
            if wanted.spec is not None:
                yield Create(wanted.id, role)
        elif have[role].phase in {"created", "exited"}:
            yield Start(have[role])
    yield from (Remove(one) for role, one in have.items() if role not in roles)
