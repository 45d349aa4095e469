"""What the service does not do as it is asked."""

from __future__ import annotations

from openbeam.errors.base import OpenbeamError

__all__ = [
    "CallsRefused",
    "Conflict",
    "InvalidInput",
    "InvalidParameter",
    "NotAllowed",
    "NotSignedIn",
    "QuotaUsedUp",
    "Refused",
    "ResultGone",
    "TooLarge",
    "TooMany",
]


class Refused(OpenbeamError):
    """The service understood the request and will not carry it out as it is."""

    status = 400


class InvalidInput(Refused, ValueError):
    """A field of the request is missing, malformed or out of bounds."""

    status = 422


class InvalidParameter(InvalidInput):
    """A parameter of a function is out of its range. ``details``: ``parameter``, ``reason``."""

    @classmethod
    def of(cls, parameter: str, reason: str) -> InvalidParameter:
        """Build the error for one parameter."""
        return cls(f"Parameter {parameter!r}: {reason}.", parameter=parameter, reason=reason)


class CallsRefused(InvalidInput):
    """Calls of a batch cannot be run, so none was taken. ``details``: ``calls``, each with ``index`` and ``error``."""


class Conflict(Refused):
    """The name is taken, or the object is not in a state that allows this."""

    status = 409


class ResultGone(Refused):
    """A result was there, and was removed after the time for which results are kept."""

    status = 410


class TooLarge(Refused):
    """A payload, file or result is over its limit. ``details``: ``limit``, ``size`` in bytes."""

    status = 413


class TooMany(Refused):
    """A rate limit or quota is used up. ``details``: ``retry_after`` in seconds."""

    status = 429


class QuotaUsedUp(TooMany):
    """A quota is used up. ``details``: ``quota``, ``who``, ``used``, ``limit``, ``room``, ``frees``."""


class NotSignedIn(Refused, PermissionError):
    """No token, or one that is expired, revoked or malformed."""

    status = 401


class NotAllowed(Refused, PermissionError):
    """The caller is known but may not do this."""

    status = 403
