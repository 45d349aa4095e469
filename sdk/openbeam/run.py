"""``Run``: a handle on one analysis over one dataset, from its first chunk to its account."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Self

from openbeam.errors import RunFailed, TaskPending
from openbeam.live import updates
from openbeam.models import Account, Provenance, RunAgain, RunChunk, RunKeep, RunUpdate, Seconds, TaskProblem
from openbeam.models import Run as RunRecord
from openbeam.notices import tell
from openbeam.states import FINAL_RUN_STATES, RunState
from openbeam.transport import Transport, poll

if TYPE_CHECKING:
    import hist

__all__ = ["Run"]


class Run:
    """A run, as the service last told it. ``Client.submit_run`` and ``Client.get_run`` make these."""

    def __init__(self, wire: Transport, record: RunRecord) -> None:
        self._wire = wire
        self.record = record
        self._final: dict[str, dict[str, Any]] | None = None

    @property
    def id(self) -> str:
        """UUID of the run."""
        return self.record.id

    @property
    def state(self) -> RunState:
        """Where the run stood when it was last looked at."""
        return self.record.state

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL_RUN_STATES

    @property
    def account(self) -> Account:
        """Where every event went."""
        return self.record.account

    @property
    def seconds(self) -> Seconds:
        """How long things took."""
        return self.record.seconds

    @property
    def provenance(self) -> Provenance:
        """What somebody needs to get the same histograms again."""
        return self.record.provenance

    @property
    def errors(self) -> list[TaskProblem]:
        """One problem a kind of failure."""
        return self.record.errors

    @property
    def uhi(self) -> dict[str, dict[str, Any]]:
        """Histograms so far, by name, as UHI JSON."""
        if self._final is not None:
            return self._final
        # Asked in this order, a run that was final before the histograms came has its last ones.
        final = self.is_final
        histograms = self._wire.get(dict[str, dict[str, Any]], f"/runs/{self.id}/histograms")
        if final:
            self._final = histograms
        return histograms

    @property
    def histograms(self) -> dict[str, hist.Hist[Any]]:
        """Histograms so far, by name.

        Raises
        ------
        ResultRefused
            When one is not a histogram.

        """
        # hist takes a second to import, which a caller who only submits need not pay.
        from openbeam.histograms import from_uhi

        return {name: from_uhi(data) for name, data in self.uhi.items()}

    def refresh(self) -> Self:
        """Ask the service how the run stands, and return the run itself."""
        return self._look(0.0)

    def wait(self, timeout: float | None = None) -> Self:
        """Return the run itself once it has ended, after at most ``timeout`` seconds (None: for ever).

        A run that misses events warns, with its account, and returns: its histograms are true for the events they have.

        Raises
        ------
        RunFailed
            When it ended without a result: the first problem's message, all of them in ``details["errors"]``.
        TaskPending
            When it has not ended in time; it goes on.

        """
        poll(self._look, lambda run: run.is_final, timeout)
        self.check()
        if self.state is RunState.incomplete:
            tell(f"Run {self.id} is incomplete: {self.account.sentence()}.")
        return self

    def check(self) -> None:
        """Raise what ``wait`` raises for the state that the run is in."""
        if not self.is_final:
            raise TaskPending(
                f"Run {self.id} has not ended yet: {self.account.sentence()}. It goes on; ask again later.",
                run_id=self.id,
                state=self.state.value,
            )
        if self.state in {RunState.failed, RunState.cancelled}:
            default = f"Run {self.id} was cancelled." if self.state is RunState.cancelled else f"Run {self.id} failed."
            raise RunFailed(
                self.errors[0].message if self.errors else default,
                run_id=self.id,
                state=self.state.value,
                errors=[problem.model_dump() for problem in self.errors],
            )

    def cancel(self) -> Self:
        """Stop all that is left of the run, and return the run itself; what was computed stays."""
        self.record = self._wire.post(RunRecord, f"/runs/{self.id}/cancel", {})
        return self

    def resubmit(self, endpoint: str | None = None) -> Run:
        """Return a new run that computes what this one lacks, and takes the rest from the chunk cache.

        Raises
        ------
        Conflict
            When this run has not ended, or no events are missing.

        """
        return Run(self._wire, self._wire.post(RunRecord, f"/runs/{self.id}/resubmit", RunAgain(endpoint=endpoint)))

    def keep(self, *, kept: bool = True) -> Self:
        """Let the result stay for as long as somebody cites it, or no longer than others; return the run itself."""
        self.record = self._wire.post(RunRecord, f"/runs/{self.id}/keep", RunKeep(kept=kept))
        return self

    def chunks(self) -> Iterator[RunChunk]:
        """Yield the run's chunks: which events, who computed them, and how that ended."""
        last = ""
        while page := self._wire.get(list[RunChunk], f"/runs/{self.id}/chunks", after=last):
            yield from page
            last = page[-1].id

    def events(self, timeout: float | None = None) -> Iterator[RunUpdate]:
        """Yield the run's updates as they happen, the last one with its final state, and then stop.

        A broken connection is taken up again where it broke. The run itself follows along.

        Raises
        ------
        TaskPending
            When the run has not ended after ``timeout`` seconds; it goes on.
        ServiceUnavailable
            When the service stays away.

        """
        for update in updates(self._wire, self.id, timeout):
            self.record = update.run
            if self.is_final:
                self._final = update.histograms
            yield update

    def events_url(self) -> str:
        """Return a URL of the run's events for a browser: it needs no token, shows this run only, lasts 12 hours."""
        return self._wire.post(dict[str, str], f"/runs/{self.id}/ticket", {})["url"]

    def _look(self, wait: float) -> Self:
        self.record = self._wire.get(RunRecord, f"/runs/{self.id}", wait=wait)
        return self

    def __repr__(self) -> str:
        return f"<Run {self.id} {self.state}: {self.account.sentence()}>"

    def _repr_html_(self) -> str:
        provenance = self.provenance
        rows = {
            "Run": self.id,
            "State": f"{self.state}{f' ({self.record.activity})' if self.record.activity else ''}",
            "Function": provenance.function,
            "Dataset": provenance.source(),
            "Events": self.account.sentence(),
        }
        if self.errors:
            rows["Problem"] = self.errors[0].message
        cells = "".join(f"<tr><th>{name}</th><td>{html.escape(text)}</td></tr>" for name, text in rows.items())
        return f"<table>{cells}</table>"
