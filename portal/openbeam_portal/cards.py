"""What pages of cards have in common: a search box, and a grid in which each card is a link."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

import streamlit as st
from streamlit.navigation.page import Page

from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["grid", "head", "search_box"]

_WIDTH: Final = 320


def search_box(hint: str) -> str:
    """Show a search box, and return what is searched for; the page's address keeps it."""
    found = st.text_input(
        words.SEARCH,
        key="q",
        bind="query-params",
        type="search",
        placeholder=hint,
        icon=":material/search:",
        label_visibility="collapsed",
        max_chars=100,
        width=480,
    )
    return (found or "").strip()


T = TypeVar("T")


def grid(things: Iterable[T], name_of: Callable[[T], str], fill: Callable[[T], None]) -> None:
    """Show a card for each thing, filled by ``fill``."""
    cards = st.grid(min_column_width=_WIDTH, gap="medium", key="cards")
    for thing in things:
        with cards.container(border=True, key=f"card-{name_of(thing)}", height="stretch"):
            fill(thing)


def head(page: Page, query: Mapping[str, Any], title: str, text: str) -> None:
    """Begin a card: its title leads to a page, and a sentence says more."""
    # A style sheet stretches the link over its card.
    st.page_link(page, label=f"**{plain(title)}**", query_params=dict(query))
    sentence, dot, _ = text.strip().partition(". ")
    st.markdown(plain(sentence + dot.strip()))
