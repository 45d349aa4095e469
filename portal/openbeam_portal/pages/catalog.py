"""All analyses, as cards: each leads to its page."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from openbeam import Client
from openbeam.models import Dataset, FunctionSummary

from openbeam_portal import deprecation, places, reading
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["render"]

_CARD_WIDTH = 320
_MOST_TAGS = 5


def render(client: Client) -> None:
    """Show the search box and the cards."""
    st.title(words.CATALOG_TITLE)
    search = st.text_input(
        words.SEARCH,
        key="q",
        bind="query-params",
        type="search",
        placeholder=words.SEARCH_HINT,
        icon=":material/search:",
        label_visibility="collapsed",
        max_chars=100,
        width=480,
    )
    found = reading.analyses(client, (search or "").strip())
    if not found:
        st.info(words.NOTHING_FOUND.format(search=plain(search)) if search else words.NOTHING_YET)
        return
    known = reading.datasets(client)
    grid = st.grid(min_column_width=_CARD_WIDTH, gap="medium", key="cards")
    for summary in found:
        with grid.container(border=True, key=f"card-{summary.name}", height="stretch"):
            _card(summary, known)


def _card(summary: FunctionSummary, known: Mapping[str, Dataset]) -> None:
    title = plain(summary.title or summary.name)
    # A style sheet stretches the link over its card.
    st.page_link(places.analysis(), label=f"**{title}**", query_params=places.query_of(summary.name))
    st.markdown(plain(_first_sentence(summary.description)))
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


def _first_sentence(text: str) -> str:
    head, dot, _ = text.strip().partition(". ")
    return head + dot.strip()
