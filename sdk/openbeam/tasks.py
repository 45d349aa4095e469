"""The part of ``Client`` that is about tasks: one call of a plain function each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from openbeam.checks import check_payload, checked, no_result
from openbeam.errors import TaskPending, UnknownTask
from openbeam.models import MAX_WAIT, Task, TaskOutput, TaskStanding, TaskStatusReply, TaskStatusRequest, TaskSubmit
from openbeam.notices import tell
from openbeam.paths import segment
from openbeam.states import FINAL_TASK_STATES, TaskState
from openbeam.transport import Transport, poll

__all__ = ["TaskCalls"]


def _path(task_id: str) -> str:
    return f"/tasks/{segment(task_id, UnknownTask)}"


class TaskCalls:
    """Calls about tasks. One is named by its id.

    Every call that names a task may raise ``UnknownTask``: there is none, or it is somebody else's.
    """

    _wire: Transport

    def run(
        self,
        *args: Any,
        function_id: str,
        endpoint_id: str | None = None,
        outputs_to: str | None = None,
        **kwargs: Any,
    ) -> str:
        """Call a plain function with ``args`` and ``kwargs`` on an endpoint and return the task's id at once.

        Files that the function writes into its folder ``outputs`` go to the endpoint's own place, or to that of the
        caller's credential ``outputs_to``; ``get_task(…).outputs`` says where they are then.

        Raises
        ------
        InvalidInput
            When the arguments are not JSON.
        TooLarge
            When they are over ``MAX_PAYLOAD``; nothing is sent then.
        UnknownFunction, UnknownEndpoint, UnknownCredential
            With the nearest names.

        """
        about = {"function": function_id, "endpoint": endpoint_id, "outputs": outputs_to}
        submit = checked(TaskSubmit, **about, args=list(args), kwargs=kwargs)
        check_payload(args, kwargs)
        task = self._wire.post(Task, "/tasks", submit)
        tell(*task.notices)
        return task.id

    def get_task(self, task_id: str, wait: float = 0.0) -> Task:
        """Return a task; ``wait`` lets the service hold the answer for up to 30 s until the task has ended."""
        return self._wire.get(Task, _path(task_id), wait=min(max(wait, 0.0), MAX_WAIT))

    def get_result(self, task_id: str, timeout: float | None = 60.0) -> Any:
        """Return what the function returned, waiting up to ``timeout`` seconds (None: for ever; 0: ask once).

        Raises
        ------
        TaskPending
            When the task has not ended yet.
        TaskError
            When it ended without a result; the kind says why (``FunctionRaised``, ``TimedOut``, …).

        """
        task = poll(lambda wait: self.get_task(task_id, wait), lambda task: task.state in FINAL_TASK_STATES, timeout)
        if task.state is TaskState.success:
            return task.result
        if task.state not in FINAL_TASK_STATES:
            raise TaskPending(
                f"The task is {task.state}; its result is not there yet. Ask again later.",
                task_id=task.id,
                state=task.state.value,
            )
        raise no_result(task)

    def task_states(
        self, task_ids: Sequence[str] = (), *, group: str | None = None, first: int = 0
    ) -> list[TaskStanding]:
        """Return how up to a thousand tasks stand: these, or those of an executor's group from a place on.

        Ids that the caller has no task for are left out.
        """
        asked = checked(TaskStatusRequest, ids=list(task_ids), group=group, first=first)
        return self._wire.post(TaskStatusReply, "/tasks/status", asked).tasks

    def get_output(self, task_id: str) -> TaskOutput:
        """Return what a task printed, once it has ended; nothing before."""
        return self._wire.get(TaskOutput, f"{_path(task_id)}/output")

    def cancel(self, task_id: str) -> Task:
        """Stop a call, wherever it is, and return it; one that has ended stays as it is.

        Raises
        ------
        Conflict
            When it is a part of a run: cancel the run.

        """
        return self._wire.post(Task, f"{_path(task_id)}/cancel", {})
