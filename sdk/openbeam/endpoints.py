"""The part of ``Client`` that is about endpoints and what they have installed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from openbeam.checks import checked
from openbeam.errors import UnknownEndpoint, UnknownEnvironment
from openbeam.models import (
    ApprovalDecision,
    Endpoint,
    EndpointChange,
    EndpointPolicy,
    EndpointSpec,
    Environment,
    Sharing,
    Visibility,
)
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["EndpointCalls"]

_PAUSE = 0.2


def _path(ref: str | Endpoint) -> str:
    return f"/endpoints/{segment(ref if isinstance(ref, str) else ref.id, UnknownEndpoint)}"


class EndpointCalls:
    """Calls about endpoints. One is named by its name or id.

    Every call that names an endpoint may raise ``UnknownEndpoint``, with the nearest names in ``details["nearest"]``,
    and ``NotAllowed`` where it changes one that is somebody else's.
    """

    _wire: Transport

    def endpoints(self) -> list[Endpoint]:
        """Return the endpoints that the caller may see."""
        return self._wire.get(list[Endpoint], "/endpoints")

    def endpoint(self, ref: str) -> Endpoint:
        """Return an endpoint."""
        return self._wire.get(Endpoint, _path(ref))

    def wait_for_endpoint(self, timeout: float = 60.0) -> list[Endpoint]:
        """Return the endpoints once one of them is online, or as they are after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while True:
            found = self.endpoints()
            if any(endpoint.online for endpoint in found) or time.monotonic() >= end:
                return found
            time.sleep(_PAUSE)

    def register_endpoint(self, spec: EndpointSpec) -> Endpoint:
        """Register an endpoint; the caller's endpoint of the same name gets the new key."""
        return self._wire.post(Endpoint, "/endpoints", spec)

    def change_endpoint(
        self,
        ref: str | Endpoint,
        *,
        description: str | None = None,
        labels: Mapping[str, str] | None = None,
        policy: EndpointPolicy | None = None,
    ) -> Endpoint:
        """Change what is given of an endpoint; labels and policy are replaced as a whole."""
        wanted = checked(
            EndpointChange,
            description=description,
            labels=None if labels is None else dict(labels),
            policy=policy,
        )
        return self._wire.patch(Endpoint, _path(ref), wanted)

    def share_endpoint(
        self, ref: str | Endpoint, visibility: Visibility | str, classes: Sequence[str] = ()
    ) -> Endpoint:
        """Say who sees an endpoint: ``private``, ``class`` with the names of ``classes``, or ``public``.

        Public asks an administrator: until they have approved it (``endpoint.approval``), it stays as it is.

        Raises
        ------
        UnknownClass
            When the caller does not teach a class of that name.

        """
        sharing = checked(Sharing, visibility=visibility, classes=list(classes))
        return self._wire.put(Endpoint, f"{_path(ref)}/sharing", sharing)

    def approve_endpoint(self, ref: str | Endpoint, *, approve: bool = True, note: str = "") -> Endpoint:
        """Approve or decline that everybody sees an endpoint; for administrators.

        Raises
        ------
        Conflict
            When its owner has not asked for it.

        """
        return self._wire.post(Endpoint, f"{_path(ref)}/approve", checked(ApprovalDecision, approve=approve, note=note))

    def revoke_endpoint(self, ref: str | Endpoint) -> None:
        """Refuse an endpoint's agent from now on, until it is configured again."""
        self._wire.delete(f"{_path(ref)}/key")

    def delete_endpoint(self, ref: str | Endpoint) -> None:
        """Take an endpoint away: its agent is refused, and tasks that wait for it fail. Its results stay."""
        self._wire.delete(_path(ref))

    def environments(self) -> list[Environment]:
        """Return what the endpoints that the caller sees have installed."""
        return self._wire.get(list[Environment], "/environments")

    def environment(self, ref: str) -> Environment:
        """Return an environment by its name or digest, with its packages.

        Raises
        ------
        UnknownEnvironment
            With the nearest names.

        """
        return self._wire.get(Environment, f"/environments/{segment(ref, UnknownEnvironment)}")
