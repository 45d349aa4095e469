"""That a version should not be used any more, why, and what to use instead."""

from __future__ import annotations

import streamlit as st
from openbeam.models import Deprecation

from openbeam_portal import places
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["on_card", "on_page"]


def on_card(old: Deprecation) -> None:
    """Say it in a line; the card leads to the page, which says it again."""
    with st.container(horizontal=True, gap="xsmall"):
        st.badge(words.DEPRECATED, icon=":material/history_toggle_off:", color="orange")
    st.caption(_sentence(old))


def on_page(old: Deprecation) -> None:
    """Say it above the form, with a link to what to use instead."""
    st.warning(_sentence(old), title=words.DEPRECATED_TITLE, icon=":material/history_toggle_off:")
    if old.successor:
        label = words.TO_SUCCESSOR.format(successor=plain(old.successor))
        st.page_link(
            places.analysis(), label=label, icon=":material/arrow_forward:", query_params=places.query_of(old.successor)
        )


def _sentence(old: Deprecation) -> str:
    instead = words.USE_INSTEAD.format(successor=plain(old.successor)) if old.successor else ""
    return f"{plain(old.reason)} {instead}".strip()
