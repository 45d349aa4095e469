"""What people see who are not signed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import streamlit as st

from openbeam_portal import session
from openbeam_portal.figure.live import Header, still
from openbeam_portal.words import en as words

__all__ = ["render"]

_SPECTRUM: Final = Path(__file__).parents[1] / "assets" / "spectrum.json"


def render() -> None:
    """Say what Openbeam is, and offer to sign in."""
    left, right = st.columns([5, 6], gap="large", vertical_alignment="center")
    with left:
        st.title(words.WELCOME_TITLE)
        st.markdown(words.WELCOME)
        if st.query_params.get("problem") == "service":
            st.error(words.SIGN_IN_AWAY, title=words.SIGN_IN_AWAY_TITLE, icon=":material/cloud_off:")
        if st.button(words.SIGN_IN, type="primary", icon=":material/login:", key="sign-in"):
            session.sign_in()
    with right:
        header = Header(experiment="CMS", kind=words.OPEN_DATA, collision="pp, 8 TeV (2012)")
        still("welcome", {"dimuon_mass": _spectrum()}, header)
        st.caption(words.WELCOME_FIGURE + words.WELCOME_SOURCE)


@st.cache_resource(show_spinner=False)
def _spectrum() -> dict[str, Any]:
    histogram: dict[str, Any] = json.loads(_SPECTRUM.read_text(encoding="utf-8"))
    return histogram
