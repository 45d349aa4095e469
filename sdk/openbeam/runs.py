"""The part of ``Client`` that is about runs."""

from __future__ import annotations

from typing import Any

from openbeam.checks import checked
from openbeam.errors import UnknownRun
from openbeam.models import MAX_PAGE, Dataset, Endpoint, FunctionSummary, Model, RunFilter, RunSubmit
from openbeam.models import Run as RunRecord
from openbeam.notices import tell
from openbeam.paging import gather
from openbeam.paths import segment
from openbeam.run import Run
from openbeam.transport import Transport

__all__ = ["RunCalls"]


class RunCalls:
    """Calls about runs: what they return is watched, waited for and read as a ``Run``."""

    _wire: Transport

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
        tell(*record.notices)
        return Run(self._wire, record)

    def runs(self, limit: int = MAX_PAGE, **filters: Any) -> list[Run]:
        """Return up to ``limit`` of the caller's runs, newest first.

        ``filters`` are the fields of ``RunFilter``: ``state``, ``function`` (``name`` or ``name@3``), ``since``.

        Raises
        ------
        InvalidInput
            When there is no such filter, or a moment has no time zone.

        """

        def page(query: dict[str, Any]) -> tuple[list[RunRecord], str | None]:
            records = self._wire.get(list[RunRecord], "/runs", **query)
            return records, records[-1].id if len(records) == query["limit"] else None

        found = gather(limit, MAX_PAGE, checked(RunFilter, **filters), page)
        return [Run(self._wire, record) for record in found]

    def get_run(self, run_id: str) -> Run:
        """Return a run by id.

        Raises
        ------
        UnknownRun
            When there is none, or it is somebody else's.

        """
        return Run(self._wire, self._wire.get(RunRecord, f"/runs/{segment(run_id, UnknownRun)}"))


def _ref(thing: str | Model, field: str) -> str:
    return thing if isinstance(thing, str) else str(getattr(thing, field))
