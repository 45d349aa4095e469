"""All datasets, as cards: each leads to its record. With ``dataset=``, that record, and what looks at it."""

from __future__ import annotations

from collections.abc import Iterable
from operator import attrgetter

import streamlit as st
from openbeam import Client
from openbeam.models import Dataset

from openbeam_portal import cards, importing, places, reading, record
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["render"]


def render(client: Client) -> None:
    """Show one record, or the search box and the cards."""
    known = reading.datasets(client)
    chosen = known.get(st.query_params.get("dataset", ""))
    if chosen is None:
        st.title(words.DATA_TITLE)
        importing.show(client, known)
        _all(known.values())
    else:
        st.page_link(places.data(), label=words.ALL_DATA, icon=":material/arrow_back:")
        record.show(chosen, st.title)
        _analyses(client, chosen)


def _all(known: Iterable[Dataset]) -> None:
    search = cards.search_box(words.DATA_HINT)
    experiments = sorted({dataset.experiment for dataset in known if dataset.experiment}, key=str.casefold)
    experiment = st.pills(
        words.EXPERIMENT, experiments, key="experiment", bind="query-params", label_visibility="collapsed"
    )
    wanted = search.casefold().split()
    found = [
        dataset
        for dataset in known
        if experiment in {None, dataset.experiment} and all(word in _text(dataset) for word in wanted)
    ]
    if not found:
        st.info(words.NOTHING_FOUND.format(search=plain(search)))
    cards.grid(found, attrgetter("name"), _card)


def _text(dataset: Dataset) -> str:
    return f"{dataset.name} {dataset.title} {dataset.experiment} {dataset.description}".casefold()


def _card(dataset: Dataset) -> None:
    cards.head(places.data(), {"dataset": dataset.name}, dataset.title, dataset.description)
    with st.container(horizontal=True, gap="xsmall"):
        if dataset.experiment:
            st.badge(plain(dataset.experiment), color="primary")
        for remark in [words.LOCAL_FILE] * dataset.local + [words.SIMULATED.lower()] * dataset.simulated:
            st.badge(remark, color="gray")
    events = [words.EVENTS_VALUE.format(events=dataset.events)] if dataset.events is not None else []
    size = [record.size_text(sum(file.size for file in dataset.files))] if dataset.files else []
    st.caption(" · ".join([plain(dataset.name), *events, *size]))


def _analyses(client: Client, dataset: Dataset) -> None:
    found = [summary for summary in reading.analyses(client, "") if dataset.name in summary.datasets]
    if found:
        st.subheader(words.LOOKED_AT_BY)
    for summary in found:
        query = places.query_of(summary.name, dataset.name)
        label = plain(summary.title or summary.name)
        st.page_link(places.analysis(), label=label, query_params=query, icon=":material/insights:")
