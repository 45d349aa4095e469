"""What does not answer, or is not installed."""

from __future__ import annotations

from openbeam.errors.base import OpenbeamError

__all__ = [
    "NotInstalled",
    "OpenDataTrouble",
    "ServiceFault",
    "ServiceTrouble",
    "ServiceUnavailable",
]


class NotInstalled(OpenbeamError):
    """A command needs a package that is not installed here. ``details``: ``package``."""


class OpenDataTrouble(OpenbeamError):
    """CERN Open Data's portal does not answer, or not with a record. ``details``: ``url``."""

    status = 502


class ServiceTrouble(OpenbeamError):
    """The service could not answer."""


class ServiceUnavailable(ServiceTrouble, ConnectionError):
    """The service cannot be reached. ``details``: ``url``."""

    status = 503


class ServiceFault(ServiceTrouble):
    """The service failed in a way it did not foresee; its log has the details under ``reference``."""
