"""A run on its page: the figure while it fills, what to keep when it is done, and why when there is none."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

import streamlit as st
from openbeam import Client, Run
from openbeam.errors import OpenbeamError, ResultGone
from openbeam.models import Dataset, RunUpdate, TaskProblem
from openbeam.states import RunState
from streamlit.delta_generator import DeltaGenerator

from openbeam_portal import fitting, reading, trouble
from openbeam_portal.figure import live
from openbeam_portal.figure.picture import Picture
from openbeam_portal.figure.press import PressBusy, PressFailed, press
from openbeam_portal.figure.table import csv_of
from openbeam_portal.markdown import plain
from openbeam_portal.record import doi_link
from openbeam_portal.words import en as words

__all__ = ["keep", "show"]

# The last event may reach the browser before the run's record says so.
_PATIENCE: Final = 3.0
_PAUSE: Final = 0.2
_LINES_AROUND: Final = 3
_MOST_PICTURES: Final = 64


def show(client: Client, run: Run, dataset: Dataset | None) -> str | None:
    """Show the run's figure, or why it has none. Return the name of the histogram to keep, when there is one."""
    header = live.header_of(dataset)
    if not run.is_final:
        _stop_button(run)
        _follow(run, header)
        return None
    try:
        histograms = reading.histograms(client, run.id)
    except ResultGone as error:
        st.info(plain(str(error)), icon=":material/history:")
        return None
    if not histograms:
        _explain(client, run)
        _again_button(run)
        return None
    chosen = live.update(RunUpdate(run=run.record, histograms=histograms), header)
    _again_button(run)
    if run.errors:
        with st.expander(words.WHY_MISSING, icon=":material/warning:"):
            _problems(client, run)
    return chosen if chosen in histograms else min(histograms, key=lambda name: _is_named(histograms[name]))


def _is_named(uhi: Mapping[str, Any]) -> bool:
    """Whether a histogram counts by name, as a cutflow does: the live figure shows these last."""
    return any("categories" in axis or axis["type"] == "boolean" for axis in uhi["axes"])


def _stop_button(run: Run) -> None:
    if st.button(words.STOP, icon=":material/stop_circle:", key="stop-button", help=words.STOP_HELP):
        run.cancel()
        st.rerun()


def _again_button(run: Run) -> None:
    """Offer to compute what is missing: as a run of its own, which the page then shows."""
    if run.state is RunState.complete:
        return
    if st.button(words.AGAIN, icon=":material/restart_alt:", key="again-button", help=words.AGAIN_HELP):
        try:
            st.query_params["run"] = run.resubmit().id
        except OpenbeamError as error:
            trouble.show(error)
        else:
            st.rerun()


def _follow(run: Run, header: live.Header) -> None:
    press.warm()
    name = f"events of {run.id}"
    if name not in st.session_state:
        st.session_state[name] = run.events_url()
    if live.listening(run.record, st.session_state[name], header, lambda: st.session_state.pop(name, None)):
        end = time.monotonic() + _PATIENCE
        while not run.refresh().is_final and time.monotonic() < end:
            time.sleep(_PAUSE)
        st.rerun()


# ------------------------------------------------------------------------------------------------ problems
def _explain(client: Client, run: Run) -> None:
    if run.state is RunState.cancelled:
        st.info(words.RUN_CANCELLED, icon=":material/block:")
        return
    st.error(words.RUN_FAILED, icon=":material/error:")
    if not run.errors:
        st.markdown(words.RUN_FAILED_UNKNOWN)
    _problems(client, run)


def _problems(client: Client, run: Run) -> None:
    for problem in run.errors:
        if problem.kind == "FunctionRaised":
            _raised(client, run, problem)
        else:
            st.markdown(words.REASONS.get(problem.kind) or plain(problem.message))
        if problem.kind in words.ADVICE:
            st.markdown(words.ADVICE[problem.kind])
        if output := problem.details.get("output"):
            with st.expander(words.PRINTED):
                st.code(str(output), language=None, wrap_lines=True)
        if problem.kind in words.REASONS:
            with st.expander(words.DETAILS):
                st.code(problem.message, language=None, wrap_lines=True)


def _raised(client: Client, run: Run, problem: TaskProblem) -> None:
    details = problem.details
    line = details.get("line")
    what = {"type": plain(str(details.get("type", ""))), "message": plain(str(details.get("message", problem.message)))}
    if not isinstance(line, int):
        st.markdown(words.RAISED_WITHOUT_LINE.format(**what))
        return
    st.markdown(words.RAISED.format(line=line, **what))
    st.code(_excerpt(_source(client, run), line) or str(details.get("code", "")), language=None)


def _source(client: Client, run: Run) -> str:
    try:
        return reading.function(client, run.provenance.function_id).source
    except OpenbeamError:
        # The line itself came with the problem; only what stands around it is missing.
        return ""


def _excerpt(source: str, line: int) -> str:
    """Return the lines around one, numbered, that one marked."""
    lines = source.splitlines()
    first, last = max(1, line - _LINES_AROUND), min(len(lines), line + _LINES_AROUND)
    if not 1 <= line <= len(lines):
        return ""
    width = len(str(last))
    return "\n".join(f"{'→' if n == line else ' '} {n:>{width}}  {lines[n - 1]}" for n in range(first, last + 1))


# ------------------------------------------------------------------------------------------------ keeping
def keep(client: Client, run: Run, dataset: Dataset | None, name: str) -> None:
    """Offer a histogram of a finished run for keeping: picture, numbers, and how it was made."""
    uhi = reading.histograms(client, run.id)[name]
    simulated = run.provenance.simulated
    stem = f"{run.provenance.function.replace('@', '-v')}-{name}-{'simulated-' if simulated else ''}{run.id[:8]}"
    st.header(words.KEEP_TITLE)
    left, right = st.columns([1, 1], gap="large")
    with right:
        _provenance(run, dataset)
    with left:
        _cite(run)
        picture = st.container()
        downloads = st.container(horizontal=True)
    with downloads:
        # Filled last: whatever the press takes, all the rest of the page is there already.
        first = st.container(width="content")
        _download(words.DOWNLOAD_CSV, csv_of(uhi, simulated=simulated), f"{stem}.csv", "text/csv", ":material/table:")
    about = _picture(run, dataset, uhi)
    png = _printed(picture, run, name, about)
    if png:
        with first:
            _download(words.DOWNLOAD_PNG, png, f"{stem}.png", "image/png", ":material/image:")
    fitting.offer(f"{run.id} {name}", stem, about, simulated=simulated)


def _cite(run: Run) -> None:
    wanted = st.toggle(words.CITE, run.record.kept, key=f"keep-{run.id}", help=words.CITE_HELP)
    if wanted != run.record.kept:
        try:
            run.keep(kept=wanted)
        except OpenbeamError as error:
            trouble.show(error)


def _download(label: str, data: str | bytes, file_name: str, mime: str, icon: str) -> None:
    st.download_button(label, data, file_name, mime, icon=icon, on_click="ignore", key=mime)


def _printed(place: DeltaGenerator, run: Run, name: str, about: Picture) -> bytes | None:
    """Show the final figure and return it; a sentence, and None, when there is none."""
    with place:
        try:
            with st.spinner(words.PICTURE_MAKING):
                png = _png(run.id, name, about)
        except PressBusy:
            st.info(words.PICTURE_BUSY)
        except PressFailed:
            st.info(words.PICTURE_FAILED)
        else:
            alt = words.PICTURE_ALT.format(title=name, events=f"{run.account.events_processed:,}")
            st.image(png, alt=alt, width="stretch")
            return png
    return None


@st.cache_data(max_entries=_MOST_PICTURES, show_spinner=False)
def _png(run_id: str, name: str, _picture: Picture) -> bytes:  # noqa: ARG001 - the cache's key
    return press.draw(_picture)


def _picture(run: Run, dataset: Dataset | None, uhi: Mapping[str, Any]) -> Picture:
    made, account = run.provenance, run.account
    header = live.header_of(dataset, simulated=made.simulated)
    data = made.source()
    settings = ", ".join(f"{name} = {value}" for name, value in made.params.items())
    lines = (f"{made.function}   ·   {data}   ·   {account.sentence()}", settings, f"run {run.id}   ·   {words.NAME}")
    return Picture(
        uhi=uhi,
        experiment=header.experiment,
        kind=header.kind,
        collision=header.collision,
        count=words.FIGURE["events"],
        notice=_notice(run),
        provenance=tuple(line for line in lines if line),
        metadata={"Title": made.function, "Source": data, "Description": f"run {run.id}", "Software": words.NAME},
    )


def _notice(run: Run) -> str:
    missing = run.account.events_expected - run.account.events_processed
    return words.MISSING.format(missing=missing, expected=run.account.events_expected) if missing else ""


def _provenance(run: Run, dataset: Dataset | None) -> None:
    made = run.provenance
    facts = {
        words.FUNCTION: f"{plain(made.function)} (SHA-256 `{made.sha256[:12]}`)",
        words.DATASET: plain(dataset.title if dataset else made.dataset),
        words.EVENTS_ARE: words.SIMULATED_MEANING if made.simulated else "",
        "DOI": doi_link(made.doi) if made.doi else words.NO_DOI,
        words.PARAMETERS: ", ".join(f"{plain(name)} = {plain(str(value))}" for name, value in made.params.items()),
        words.EVENTS: run.account.sentence(),
        words.MACHINE: plain(", ".join(run.account.endpoints) or made.endpoint),
        words.ENVIRONMENT: f"`{made.environment}`" if made.environment else "",
        words.TIME_TAKEN: _seconds(run),
        words.RUN_ID: f"`{run.id}`",
    }
    st.markdown(f"**{words.PROVENANCE}**")
    st.markdown("  \n".join(f"{name}: {value}" for name, value in facts.items() if value))


def _seconds(run: Run) -> str:
    seconds = run.seconds
    if seconds.total is None:
        return ""
    if seconds.first_histogram is None:
        return words.SECONDS_ONLY.format(total=seconds.total)
    return words.SECONDS.format(total=seconds.total, first=seconds.first_histogram)
