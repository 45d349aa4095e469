"""The caller's runs, newest first; each leads to its figure."""

from __future__ import annotations

from typing import Final, Literal

import streamlit as st
from openbeam import Client, Run

from openbeam_portal import places, reading
from openbeam_portal.markdown import plain
from openbeam_portal.moments import moment
from openbeam_portal.words import en as words

__all__ = ["render"]

_A_PAGE: Final = 20
_MOST: Final = 300
_COLORS: Final[dict[str, Literal["blue", "gray", "green", "orange", "red"]]] = {
    "complete": "green",
    "incomplete": "orange",
    "failed": "red",
    "cancelled": "gray",
    "planning": "blue",
    "running": "blue",
}


def render(client: Client) -> None:
    """List the runs."""
    st.title(words.RUNS_TITLE)
    state = st.pills(words.RUN_STATE, list(words.STATES), format_func=lambda name: words.STATES[name], key="run-state")
    runs = client.runs(_MOST, state=state) if state else client.runs(_MOST)
    if not runs and state:
        st.info(words.NO_SUCH_RUNS)
        return
    if not runs:
        st.info(words.NO_RUNS)
        st.page_link(places.catalog(), label=words.TO_CATALOG, icon=":material/explore:")
        return
    pages = -(-len(runs) // _A_PAGE)
    slot = st.container(gap="small")
    number = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    titles = {summary.name: summary.title for summary in reading.analyses(client, "")}
    datasets = {name: dataset.title for name, dataset in reading.datasets(client).items()}
    with slot:
        for run in runs[(number - 1) * _A_PAGE : number * _A_PAGE]:
            _row(run, titles, datasets)


def _row(run: Run, titles: dict[str, str], datasets: dict[str, str]) -> None:
    made = run.provenance
    name = made.function.partition("@")[0]
    state = run.state.value
    with st.container(border=True, key=f"card-run-{run.id}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            query = places.query_of(made.function, made.dataset, run.id, made.params)
            st.page_link(places.analysis(), label=f"**{plain(titles.get(name) or name)}**", query_params=query)
            st.badge(words.STATES.get(state, state), color=_COLORS.get(state, "gray"))
        when = moment(run.record.created, st.context.timezone)
        events = run.account.sentence() if run.account.events_expected else ""
        facts = [plain(datasets.get(made.dataset, made.dataset)), events, when]
        st.caption("  ·  ".join(fact for fact in facts if fact))
