"""All analyses, as cards: each leads to its page."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

import streamlit as st
from openbeam import Client
from openbeam.models import Dataset, FunctionSummary

from openbeam_portal import cards, deprecation, places, reading
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["render"]

_MOST_TAGS = 5


def render(client: Client) -> None:
    """Show the search box and the cards."""
    st.title(words.CATALOG_TITLE)
    search = cards.search_box(words.SEARCH_HINT)
    found = reading.analyses(client, search)
    if not found:
        st.info(words.NOTHING_FOUND.format(search=plain(search)) if search else words.NOTHING_YET)
        return
    known = reading.datasets(client)
    cards.grid(found, attrgetter("name"), lambda summary: _card(summary, known))


def _card(summary: FunctionSummary, known: Mapping[str, Dataset]) -> None:
    cards.head(places.analysis(), places.query_of(summary.name), summary.title or summary.name, summary.description)
    if summary.deprecated is not None:
        deprecation.on_card(summary.deprecated)
    datasets = [known[name] for name in summary.datasets if name in known]
    experiments = dict.fromkeys(dataset.experiment for dataset in datasets if dataset.experiment)
    with st.container(horizontal=True, gap="xsmall"):
        for experiment in experiments:
            st.badge(plain(experiment), color="primary")
        shown = {experiment.lower() for experiment in experiments}
        for tag in [tag for tag in summary.tags if tag not in shown][:_MOST_TAGS]:
            st.badge(plain(tag), color="gray")
    for dataset in datasets[:2]:
        st.caption(f":material/database: {plain(dataset.title)}")
