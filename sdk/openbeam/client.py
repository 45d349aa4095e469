"""``Client``: everything a person can ask Openbeam's service, as plain calls.

>>> from openbeam import Client
>>> with Client() as beam:  # doctest: +SKIP
...     run = beam.submit_run("z_mumu", "cms-2010-zmumu").wait()
...     run.histograms["mass"]
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from openbeam.checks import check_payload, checked, task_error
from openbeam.classes import ClassCalls
from openbeam.endpoints import EndpointCalls
from openbeam.errors import (
    ServiceTrouble,
    TaskCancelled,
    TaskError,
    TaskPending,
    UnknownDataset,
    UnknownRun,
    UnknownTask,
)
from openbeam.functions import FunctionCalls
from openbeam.models import (
    MAX_AUDIT_PAGE,
    MAX_PAGE,
    MAX_WAIT,
    AuditEntry,
    AuditFilter,
    AuditPage,
    Dataset,
    DatasetSpec,
    Endpoint,
    FunctionSummary,
    Layout,
    Model,
    Quota,
    RunFilter,
    RunSubmit,
    StoredFile,
    Task,
    TaskOutput,
    TaskStanding,
    TaskStatusReply,
    TaskStatusRequest,
    TaskSubmit,
    User,
)
from openbeam.models import Run as RunRecord
from openbeam.paths import segment as _segment
from openbeam.run import Run
from openbeam.session import Session
from openbeam.states import FINAL_TASK_STATES, TaskState
from openbeam.tokens import TokenCalls
from openbeam.transport import Transport, poll
from openbeam.upload import OnProgress, local_spec, upload

__all__ = ["Client"]

_HEALTH_PAUSE = 0.2


class Client(FunctionCalls, EndpointCalls, ClassCalls, TokenCalls):
    """A person's way to one service.

    Parameters
    ----------
    url
        Of the service; else ``OPENBEAM_URL``, else this machine's.
    token
        Who is asking; else ``OPENBEAM_TOKEN``, else who has signed in here (``Client.login()`` or ``openbeam login``),
        else ``~/.config/openbeam/token``, else this machine's operator.
    timeout
        Seconds that an ordinary answer may take.

    Every call may raise ``ServiceUnavailable``, ``ServiceFault``, ``NotSignedIn``, ``NotAllowed`` and ``TooMany``
    besides the errors it names itself. A client may be shared by threads. Close it, or use it in a ``with``.

    """

    def __init__(self, url: str | None = None, token: str | Session | None = None, timeout: float = 30.0) -> None:
        self._wire = Transport(url, token, timeout)

    @classmethod
    def login(cls, url: str | None = None, *, device: bool | None = None, admin: bool = False) -> Self:
        """Sign in, keep it for later programs of this account, and return a client.

        A notebook shows a link. Elsewhere the browser opens, or with ``device`` (or where there is none) a code is
        shown that somebody allows in any browser. ``admin`` asks for an administrator's powers too.

        Raises
        ------
        NotSignedIn
            When it was denied, or nobody allowed it in time.

        """
        from openbeam import notebook, signin  # few programs sign in

        by_code = True if device is None and notebook.is_notebook() else device
        return cls(url, signin.sign_in(url, notebook.show, device=by_code, admin=admin))

    def logout(self, *, everywhere: bool = False) -> bool:
        """End the sign-in at this service; False when there was none. Other tokens are left as they are.

        ``everywhere`` ends all of the caller's, of this machine, of others and of portals.

        Raises
        ------
        NotAllowed
            When all are to be ended and the caller is here by a personal token.

        """
        if everywhere:
            self._wire.delete("/grants")
        return Session(self.url).end()

    @property
    def url(self) -> str:
        """URL of the service."""
        return self._wire.url

    @property
    def wire(self) -> Transport:
        """The connection, for what is built upon a client."""
        return self._wire

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -------------------------------------------------------------------------------------------- the service
    def wait_for_service(self, timeout: float = 60.0) -> None:
        """Return once the service is up and well.

        Raises
        ------
        ServiceUnavailable
            When it is not after ``timeout`` seconds.

        """
        end = time.monotonic() + timeout
        while True:
            try:
                health = self._wire.get(dict[str, Any], "/health")
            except ServiceTrouble:
                if time.monotonic() >= end:
                    raise
            else:
                if health.get("status") == "ok":
                    return
                if time.monotonic() >= end:
                    raise self._wire.unavailable()
            time.sleep(_HEALTH_PAUSE)

    def whoami(self) -> User:
        """Return the caller, as the service knows them."""
        return self._wire.get(User, "/whoami")

    def audit(self, limit: int = 100, **filters: Any) -> list[AuditEntry]:
        """Return up to ``limit`` entries of the audit trail, newest first: the caller's, and of their endpoints.

        An administrator sees all. ``filters`` are the fields of ``AuditFilter``: ``actor``, ``action``, ``kind``,
        ``object``, ``endpoint``, ``since``, ``until``.

        Raises
        ------
        InvalidInput
            When there is no such filter, or a moment has no time zone.

        """
        entries: list[AuditEntry] = []
        wanted = checked(AuditFilter, **filters)
        while limit > len(entries):
            wanted.limit = min(limit - len(entries), MAX_AUDIT_PAGE)
            page = self._wire.get(AuditPage, "/audit", **wanted.model_dump(mode="json", exclude_none=True))
            entries += page.entries
            wanted.before = page.next
            if page.next is None:
                break
        return entries

    def quota(self) -> list[Quota]:
        """Return what the caller may have and has, first their own, then what their classes have together."""
        return self._wire.get(list[Quota], "/quota")

    # -------------------------------------------------------------------------------------------- tasks
    def run(self, *args: Any, function_id: str, endpoint_id: str | None = None, **kwargs: Any) -> str:
        """Call a plain function with ``args`` and ``kwargs`` on an endpoint and return the task's id at once.

        Raises
        ------
        InvalidInput
            When the arguments are not JSON.
        TooLarge
            When they are over ``MAX_PAYLOAD``; nothing is sent then.
        UnknownFunction, UnknownEndpoint
            With the nearest names.

        """
        submit = checked(TaskSubmit, function=function_id, endpoint=endpoint_id, args=list(args), kwargs=kwargs)
        check_payload(args, kwargs)
        task = self._wire.post(Task, "/tasks", submit)
        _warn(task.notices)
        return task.id

    def get_task(self, task_id: str, wait: float = 0.0) -> Task:
        """Return a task; ``wait`` lets the service hold the answer for up to 30 s until the task has ended."""
        path = f"/tasks/{_segment(task_id, UnknownTask)}"
        return self._wire.get(Task, path, wait=min(max(wait, 0.0), MAX_WAIT))

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
        if task.error is not None:
            raise task_error(task.error)
        if task.state is TaskState.cancelled:
            raise TaskCancelled("The task was cancelled.", task_id=task.id)
        raise TaskError("The task failed, and the service does not know why.", task_id=task.id)

    def task_states(
        self, task_ids: Sequence[str] = (), *, group: str | None = None, first: int = 0
    ) -> list[TaskStanding]:
        """Return how up to a thousand tasks stand: these, or those of an executor's group from a place on.

        Ids that the caller has no task for are left out.
        """
        asked = checked(TaskStatusRequest, ids=list(task_ids), group=group, first=first)
        return self._wire.post(TaskStatusReply, "/tasks/status", asked).tasks

    def get_output(self, task_id: str) -> TaskOutput:
        """Return what a task printed, once it has ended; nothing before.

        Raises
        ------
        UnknownTask
            When there is none, or it is somebody else's.

        """
        return self._wire.get(TaskOutput, f"/tasks/{_segment(task_id, UnknownTask)}/output")

    def cancel(self, task_id: str) -> Task:
        """Stop a call, wherever it is, and return it; one that has ended stays as it is.

        Raises
        ------
        UnknownTask
            When there is none, or it is somebody else's.
        Conflict
            When it is a part of a run: cancel the run.

        """
        return self._wire.post(Task, f"/tasks/{_segment(task_id, UnknownTask)}/cancel", {})

    # -------------------------------------------------------------------------------------------- datasets
    def datasets(self) -> list[Dataset]:
        """Return the datasets that the caller may see."""
        return self._wire.get(list[Dataset], "/datasets")

    def dataset(self, name: str) -> Dataset:
        """Return a dataset by name.

        Raises
        ------
        UnknownDataset
            With the nearest names in ``details["nearest"]``.

        """
        return self._wire.get(Dataset, f"/datasets/{_segment(name, UnknownDataset)}")

    def publish_dataset(self, spec: DatasetSpec) -> Dataset:
        """Publish a dataset; the caller's dataset of the same name is replaced."""
        return self._wire.post(Dataset, "/datasets", spec)

    def upload_file(self, path: str | Path, on_progress: OnProgress | None = None) -> StoredFile:
        """Send a file to the service, which keeps one copy of the same content.

        ``on_progress(sent, size)`` is called as bytes leave.

        Raises
        ------
        InvalidInput
            When there is no such file, or it changes while it is read.
        TooLarge
            When the service keeps no files of that size.

        """
        return upload(self._wire, Path(path), on_progress)

    def add_local_file(
        self,
        path: str | Path,
        name: str,
        *,
        tree: str | None = None,
        layout: Layout | str | None = None,
        like: str | Dataset | None = None,
        title: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Upload a ROOT file and publish it as a dataset of its own.

        ``like`` names a dataset whose tree, layout, columns, experiment, collision and licence this one shares;
        without it the tree is ``Events`` and the layout ``nanoaod``.

        Raises
        ------
        InvalidInput
            When the file or a field cannot be.
        UnknownDataset
            When there is no dataset ``like`` that.

        """
        model = self.dataset(like) if isinstance(like, str) else like
        spec = local_spec(Path(path), name=name, tree=tree, layout=layout, like=model, title=title)
        stored = self.upload_file(path, on_progress)
        entry = spec.files[0].model_copy(update={"uri": stored.uri, "size": stored.size, "checksum": stored.checksum})
        return self.publish_dataset(spec.model_copy(update={"files": [entry]}))

    # -------------------------------------------------------------------------------------------- runs
    def submit_run(
        self,
        function: str | FunctionSummary,
        dataset: str | Dataset,
        *,
        endpoint: str | Endpoint | None = None,
        fresh: bool = False,
        params: dict[str, Any] | None = None,
        **more_params: Any,
    ) -> Run:
        """Start an analysis over a dataset; parameters go into ``params`` or stand as keywords.

        ``fresh`` computes every chunk again, whatever the chunk cache knows.

        Raises
        ------
        InvalidParameter
            Naming the parameter that is out of its range.
        UnknownFunction, UnknownDataset, UnknownEndpoint
            With the nearest names.

        """
        submit = checked(
            RunSubmit,
            function=_ref(function, "id"),
            dataset=_ref(dataset, "name"),
            endpoint=None if endpoint is None else _ref(endpoint, "id"),
            params={**(params or {}), **more_params},
            fresh=fresh,
        )
        record = self._wire.post(RunRecord, "/runs", submit)
        _warn(record.notices)
        return Run(self._wire, record)

    def runs(self, limit: int = MAX_PAGE, **filters: Any) -> list[Run]:
        """Return up to ``limit`` of the caller's runs, newest first.

        ``filters`` are the fields of ``RunFilter``: ``state``, ``function`` (``name`` or ``name@3``), ``since``.

        Raises
        ------
        InvalidInput
            When there is no such filter, or a moment has no time zone.

        """
        found: list[RunRecord] = []
        wanted = checked(RunFilter, **filters)
        while limit > len(found):
            wanted.limit = min(limit - len(found), MAX_PAGE)
            page = self._wire.get(list[RunRecord], "/runs", **wanted.model_dump(mode="json", exclude_none=True))
            found += page
            if len(page) < wanted.limit:
                break
            wanted.before = page[-1].id
        return [Run(self._wire, record) for record in found]

    def get_run(self, run_id: str) -> Run:
        """Return a run by id.

        Raises
        ------
        UnknownRun
            When there is none, or it is somebody else's.

        """
        return Run(self._wire, self._wire.get(RunRecord, f"/runs/{_segment(run_id, UnknownRun)}"))


def _ref(thing: str | Model, field: str) -> str:
    return thing if isinstance(thing, str) else str(getattr(thing, field))


def _warn(notices: Sequence[str]) -> None:
    for notice in notices:
        warnings.warn(notice, stacklevel=3)
