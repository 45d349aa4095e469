"""The part of ``Client`` that is about hosts and the endpoints that administrators manage on them."""

from __future__ import annotations

import time
from typing import Any

from openbeam.checks import checked
from openbeam.errors import UnknownEndpoint, UnknownHost
from openbeam.models import (
    Host,
    HostSpec,
    ManagedChange,
    ManagedEndpoint,
    ManagedLog,
    ManagedSpec,
    ManagedState,
)
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["HostCalls"]

_PAUSE = 0.3
_SETTLED = {ManagedState.running, ManagedState.stopped, ManagedState.failed}


def _path(ref: str | Host) -> str:
    return f"/hosts/{segment(ref if isinstance(ref, str) else ref.id, UnknownHost)}"


def _managed(host: str | Host, ref: str | ManagedEndpoint) -> str:
    return f"{_path(host)}/endpoints/{segment(ref if isinstance(ref, str) else ref.id, UnknownEndpoint)}"


class HostCalls:
    """Calls about hosts, for administrators. Hosts and their endpoints are named by name or id.

    Every call may raise ``UnknownHost`` or ``UnknownEndpoint``, with the nearest names in ``details["nearest"]``.
    """

    _wire: Transport

    def hosts(self) -> list[Host]:
        """Return the hosts, by name."""
        return self._wire.get(list[Host], "/hosts")

    def host(self, ref: str) -> Host:
        """Return a host with its endpoints."""
        return self._wire.get(Host, _path(ref))

    def enrol_host(self, spec: HostSpec) -> Host:
        """Enrol a host by its agent's public key; a host of the same name gets the new key."""
        return self._wire.post(Host, "/hosts", spec)

    def revoke_host(self, ref: str | Host) -> None:
        """Refuse a host's agent from now on, and the agents of its endpoints, until it is enrolled again."""
        self._wire.delete(f"{_path(ref)}/key")

    def delete_host(self, ref: str | Host) -> None:
        """Forget a host.

        Raises
        ------
        Conflict
            When it has endpoints: remove them first, while its agent is there to clear them away.

        """
        self._wire.delete(_path(ref))

    def managed(self, host: str | Host, ref: str) -> ManagedEndpoint:
        """Return an endpoint of a host."""
        return self._wire.get(ManagedEndpoint, _managed(host, ref))

    def add_managed(self, host: str | Host, name: str, image: str, **more: Any) -> ManagedEndpoint:
        """Have a host run an endpoint; ``more`` are the other fields of ``ManagedSpec``.

        Raises
        ------
        InvalidInput
            When a field is wrong, or the host would refuse it.
        Conflict
            When the caller has an endpoint of this name.

        """
        spec = checked(ManagedSpec, name=name, image=image, **more)
        return self._wire.post(ManagedEndpoint, f"{_path(host)}/endpoints", spec)

    def change_managed(self, host: str | Host, ref: str | ManagedEndpoint, **changes: Any) -> ManagedEndpoint:
        """Change fields of ``ManagedChange``: image, size, environment, or ``state`` to start and stop it.

        Another image or size replaces what runs once its tasks have ended.
        """
        return self._wire.patch(ManagedEndpoint, _managed(host, ref), checked(ManagedChange, **changes))

    def restart_managed(self, host: str | Host, ref: str | ManagedEndpoint) -> ManagedEndpoint:
        """Replace the containers of an endpoint once its tasks have ended; it gets a new key."""
        return self._wire.post(ManagedEndpoint, f"{_managed(host, ref)}/restart", {})

    def managed_log(self, host: str | Host, ref: str | ManagedEndpoint) -> ManagedLog:
        """Return the last lines of an endpoint's log, as its host last sent them."""
        return self._wire.get(ManagedLog, f"{_managed(host, ref)}/log")

    def remove_managed(self, host: str | Host, ref: str | ManagedEndpoint) -> None:
        """Take an endpoint away, with its containers and files. What it has computed stays."""
        self._wire.delete(_managed(host, ref))

    def wait_for_managed(self, host: str | Host, ref: str | ManagedEndpoint, timeout: float = 120.0) -> ManagedEndpoint:
        """Return an endpoint once its host has carried out what was asked, or as it is after ``timeout`` seconds."""
        end = time.monotonic() + timeout
        while True:
            found = self.managed(host, ref if isinstance(ref, str) else ref.id)
            if (found.current and found.state in _SETTLED) or time.monotonic() >= end:
                return found
            time.sleep(_PAUSE)
