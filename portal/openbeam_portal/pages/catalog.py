"""All analyses, as cards: each leads to its page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import attrgetter

import streamlit as st
from openbeam import Client
from openbeam.models import Dataset, FunctionSummary

from openbeam_portal import cards, deprecation, places, reading
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["render"]

_MOST_TAGS = 5
_FEWEST_OF_A_TOPIC = 3
_ORDER = {"first-lesson": 0, "adl-benchmark": 2}
"""Where this tag, and an analysis with it, stands among the others."""
_AMONG = 1
"""Where the others stand."""


def render(client: Client) -> None:
    """Show the search box and the cards."""
    st.title(words.CATALOG_TITLE)
    search = cards.search_box(words.SEARCH_HINT)
    known = reading.datasets(client)
    found = reading.analyses(client, search)
    topic = _topic(found, known)
    found = [summary for summary in found if topic is None or topic in summary.tags]
    if not found:
        st.info(words.NOTHING_FOUND.format(search=plain(search)) if search else words.NOTHING_YET)
        return
    # What was searched for comes as the service ranks it.
    cards.grid(
        found if search else sorted(found, key=_place), attrgetter("name"), lambda summary: _card(summary, known)
    )


def _topic(found: Iterable[FunctionSummary], known: Mapping[str, Dataset]) -> str | None:
    """Let a topic be chosen among the tags that several analyses have."""
    experiments = {dataset.experiment.casefold() for dataset in known.values()}
    count = Counter(tag for summary in found for tag in summary.tags if tag not in experiments)
    several = [tag for tag, times in count.most_common() if times >= _FEWEST_OF_A_TOPIC]
    topics = sorted(several, key=lambda tag: _ORDER.get(tag, _AMONG))
    return st.pills(words.TOPIC, topics, key="topic", bind="query-params", label_visibility="collapsed")


def _place(summary: FunctionSummary) -> tuple[int, str]:
    return min((_ORDER[tag] for tag in summary.tags if tag in _ORDER), default=_AMONG), (summary.title or "").casefold()


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
