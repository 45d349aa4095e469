"""How tasks, runs and fits end that give no result."""

from __future__ import annotations

from openbeam.errors.base import OpenbeamError

__all__ = [
    "ChecksumMismatch",
    "CpuUsedUp",
    "DataUnavailable",
    "EngineFault",
    "FitFailed",
    "FunctionRaised",
    "FunctionRefused",
    "OutputNotStored",
    "ResultRefused",
    "RunFailed",
    "TaskCancelled",
    "TaskError",
    "TaskPending",
    "TimedOut",
    "WorkerKilled",
]


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


class FitFailed(OpenbeamError):
    """No curve was found that fits a histogram, or none with a peak."""

    status = 422
