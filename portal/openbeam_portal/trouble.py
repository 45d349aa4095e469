"""Errors as people see them: one plain sentence and what to do next. What nobody foresaw gets a reference and a log."""

from __future__ import annotations

import logging
import uuid

import streamlit as st
from openbeam.errors import NotKnown, OpenbeamError, ServiceFault, ServiceTrouble

from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["show", "show_unexpected"]

_log = logging.getLogger(__name__)


def show(error: OpenbeamError) -> None:
    """Show an error of the service or of what was asked of it."""
    if isinstance(error, ServiceTrouble):
        _log.warning("the service: %s", error)
        reference = error.details.get("reference") if isinstance(error, ServiceFault) else None
        text = words.SERVICE_FAULT.format(reference=reference) if reference else words.SERVICE_AWAY
        st.error(text, title=words.SERVICE_AWAY_TITLE, icon=":material/cloud_off:")
        st.button(words.TRY_AGAIN, icon=":material/refresh:", key="try-again")
        return
    icon = ":material/search_off:" if isinstance(error, NotKnown) else ":material/info:"
    st.error(plain(str(error)), icon=icon)


def show_unexpected(error: Exception) -> bool:
    """Log an error that nobody foresaw and show its reference; True tells Streamlit to show nothing of its own."""
    if isinstance(error, OpenbeamError):
        show(error)
        return True
    reference = uuid.uuid4().hex[:8]
    _log.error("unexpected, reference %s", reference, exc_info=error)
    st.error(words.UNEXPECTED.format(reference=reference), icon=":material/error:")
    return True
