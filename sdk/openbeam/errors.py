"""Every error that Openbeam shows to a person, as one tree.

::

    OpenbeamError
     |- NotKnown (LookupError)                404  names the nearest known names
     |   |- UnknownFunction
     |   |- UnknownDataset
     |   |- UnknownEndpoint
     |   |- UnknownEnvironment
     |   |- UnknownTask
     |   |- UnknownRun
     |   |- UnknownFile
     |   |- UnknownClass
     |   |- UnknownToken
     |   |- UnknownHost
     |   |- UnknownCredential
     |   |- UnknownParticle
     |   |- UnknownRecord
     |   '- UnknownUser
     |- Refused
     |   |- InvalidInput (ValueError)         422
     |   |   |- InvalidParameter              422  names the parameter
     |   |   '- CallsRefused                  422  names the calls of a batch
     |   |- Conflict                          409
     |   |- ResultGone                        410
     |   |- TooLarge                          413
     |   |- TooMany                           429
     |   |   '- QuotaUsedUp                   429  names the limit, and when it frees
     |   |- NotSignedIn (PermissionError)     401
     |   '- NotAllowed (PermissionError)      403
     |- TaskPending                           the result is not there yet
     |- TaskError                             the task ended without a result
     |   |- FunctionRaised                    the author's code raised; says which line
     |   |- ResultRefused                     the result is not JSON, or not histograms, or too large
     |   |- TimedOut                          killed at its time limit
     |   |   '- CpuUsedUp                     killed at its limit of CPU time
     |   |- WorkerKilled                      the worker died (memory, signal)
     |   |- OutputNotStored                   a file that it wrote could not be brought to its place
     |   |- DataUnavailable                   a file could not be fetched
     |   |   '- ChecksumMismatch              a file is not the one on record
     |   |- EngineFault                       the engine could not run the task
     |   |- FunctionRefused                   the endpoint does not run this function
     |   '- TaskCancelled
     |- RunFailed                             no histogram could be made
     |- NotInstalled                          a command needs another package
     |- FitFailed                        422  no curve was found that fits a histogram
     |- OpenDataTrouble                       CERN Open Data's portal does not answer, or not with a record
     '- ServiceTrouble
         |- ServiceUnavailable (ConnectionError)  503
         '- ServiceFault                      500

An error knows its fields (``details``) and its HTTP ``status``. The service sends ``to_json(error)``; the
client raises ``from_json(...)``: the same type with the same fields on both sides of the wire.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, ClassVar

__all__ = [
    "CallsRefused",
    "ChecksumMismatch",
    "Conflict",
    "CpuUsedUp",
    "DataUnavailable",
    "EngineFault",
    "FitFailed",
    "FunctionRaised",
    "FunctionRefused",
    "InvalidInput",
    "InvalidParameter",
    "NotAllowed",
    "NotInstalled",
    "NotKnown",
    "NotSignedIn",
    "OpenDataTrouble",
    "OpenbeamError",
    "OutputNotStored",
    "QuotaUsedUp",
    "Refused",
    "ResultGone",
    "ResultRefused",
    "RunFailed",
    "ServiceFault",
    "ServiceTrouble",
    "ServiceUnavailable",
    "TaskCancelled",
    "TaskError",
    "TaskPending",
    "TimedOut",
    "TooLarge",
    "TooMany",
    "UnknownClass",
    "UnknownCredential",
    "UnknownDataset",
    "UnknownEndpoint",
    "UnknownEnvironment",
    "UnknownFile",
    "UnknownFunction",
    "UnknownHost",
    "UnknownParticle",
    "UnknownRecord",
    "UnknownRun",
    "UnknownTask",
    "UnknownToken",
    "UnknownUser",
    "WorkerKilled",
    "from_json",
    "nearest",
    "to_json",
]

_LIKE = 0.4
"""How like a name must be to be offered, from 0 to 1."""
_AS_GOOD = 0.75
"""How like it must be beside the best one."""


class OpenbeamError(Exception):
    """Base of all errors that may be shown to a person. ``str(error)`` is plain and says what to do next."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message


def nearest(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """Return the known names that look most like ``name``, best first; beside a good one, no poor ones."""
    close = difflib.get_close_matches(name, list(known), n=at_most, cutoff=_LIKE)
    best = _likeness(name, close[0]) if close else 0.0
    return [one for one in close if _likeness(name, one) >= best * _AS_GOOD]


def _likeness(name: str, other: str) -> float:
    # In this order, as get_close_matches compares them: the measure is not symmetric.
    return difflib.SequenceMatcher(None, other, name).ratio()


class NotKnown(OpenbeamError, LookupError):
    """Something asked for by name or id does not exist, or is not visible to the caller."""

    status = 404
    word: ClassVar[str] = "object"

    @classmethod
    def among(cls, name: str, known: Iterable[str]) -> NotKnown:
        """Build the error for ``name``, with the nearest of the ``known`` names as a hint."""
        close = nearest(name, known)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return cls(f"There is no {cls.word} named {name!r}.{hint}", name=name, nearest=close)


class UnknownFunction(NotKnown):
    """No such function, or no such version of it."""

    word = "function"


class UnknownDataset(NotKnown):
    """No such dataset."""

    word = "dataset"


class UnknownEndpoint(NotKnown):
    """No such endpoint."""

    word = "endpoint"


class UnknownEnvironment(NotKnown):
    """No endpoint that the caller sees has such an environment."""

    word = "environment"


class UnknownTask(NotKnown):
    """No such task."""

    word = "task"


class UnknownRun(NotKnown):
    """No such run."""

    word = "run"


class UnknownFile(NotKnown):
    """No such file."""

    word = "file"


class UnknownClass(NotKnown):
    """No such class, or no class with such a code."""

    word = "class"


class UnknownToken(NotKnown):
    """No such personal token of the caller."""

    word = "token"


class UnknownHost(NotKnown):
    """No such host."""

    word = "host"


class UnknownCredential(NotKnown):
    """No such credential of the caller."""

    word = "credential"


class UnknownParticle(NotKnown):
    """The Particle Data Group's table has no such particle."""

    word = "particle"


class UnknownRecord(NotKnown):
    """CERN Open Data has no such record."""

    word = "record"


class UnknownUser(NotKnown):
    """No such user."""

    word = "user"


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


class TaskPending(OpenbeamError):
    """The result is not there yet. ``details``: ``task_id``, ``state``."""

    status = 409


class TaskError(OpenbeamError):
    """The task ended without a result. ``details``: ``output``, the last of what it printed, when it printed."""

    status = 424

    @property
    def output(self) -> str:
        """The last of what the task printed."""
        return str(self.details.get("output", ""))


class FunctionRaised(TaskError):
    """The author's code raised.

    ``details``: ``type``, ``message``, ``line``, ``code``, ``traceback`` (author's frames only).
    """

    @property
    def type(self) -> str:
        """Name of the exception's type."""
        return str(self.details.get("type", ""))

    @property
    def original(self) -> str:
        """The exception's own message."""
        return str(self.details.get("message", self.message))

    @property
    def line(self) -> int | None:
        """Line of the author's source."""
        line = self.details.get("line")
        return line if isinstance(line, int) else None

    @property
    def code(self) -> str:
        """What stands on that line."""
        return str(self.details.get("code", ""))

    @property
    def traceback(self) -> str:
        """The author's frames, as Python shows them."""
        return str(self.details.get("traceback", ""))


class ResultRefused(TaskError):
    """The function returned something that cannot travel: not JSON, not histograms, or too large."""


class TimedOut(TaskError):
    """The task was killed at its time limit. ``details``: ``seconds``."""


class CpuUsedUp(TimedOut):
    """The task was killed when its processes had used the CPU time that it may use. ``details``: ``seconds``."""


class WorkerKilled(TaskError):
    """The worker died under the task (out of memory, killed). ``details``: ``signal``."""


class OutputNotStored(TaskError):
    """The task was done, and a file that it wrote could not be brought to its place. ``details``: ``uri``."""


class DataUnavailable(TaskError):
    """A file of the dataset could not be fetched. ``details``: ``uri``."""


class ChecksumMismatch(DataUnavailable):
    """A fetched file is not the one on record. ``details``: ``uri``, ``expected``, ``found``."""


class EngineFault(TaskError):
    """The engine could not run the task, for a reason that is not the author's."""


class FunctionRefused(TaskError):
    """The endpoint does not run this function: its policy, its own list, or its Python. ``details``: ``sha256``."""


class TaskCancelled(TaskError):
    """Somebody who may do so stopped the task."""


class RunFailed(OpenbeamError):
    """The run ended without a histogram. ``details``: ``run_id``, ``state``, ``errors``."""

    status = 424


class NotInstalled(OpenbeamError):
    """A command needs a package that is not installed here. ``details``: ``package``."""


class FitFailed(OpenbeamError):
    """No curve was found that fits a histogram, or none with a peak."""

    status = 422


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


def _tree(root: type[OpenbeamError]) -> dict[str, type[OpenbeamError]]:
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found.update(_tree(child))
    return found


def to_json(error: OpenbeamError) -> dict[str, Any]:
    """Return the wire form of an error: ``{"kind", "message", "details"}``."""
    return {"kind": type(error).__name__, "message": error.message, "details": error.details}


def from_json(data: dict[str, Any]) -> OpenbeamError:
    """Return the error that ``to_json`` described; a kind of a newer service becomes a plain ``OpenbeamError``."""
    kind = _tree(OpenbeamError).get(str(data.get("kind")), OpenbeamError)
    details = data.get("details")
    return kind(str(data.get("message", "")), **(details if isinstance(details, dict) else {}))
