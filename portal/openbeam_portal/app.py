"""The frame around all pages; ``script/portal.py`` calls it for every browser."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import streamlit as st

from openbeam_portal import places, session
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["main"]

_ASSETS: Final = Path(__file__).with_name("assets")


def main() -> None:
    """Show the page that the address asks for."""
    st.set_page_config(page_title=words.NAME, page_icon=str(_ASSETS / "icon.png"), layout="wide")
    st.html(_ASSETS / "portal.css")
    st.logo(str(_ASSETS / "logo.svg"), size="large")
    known = session.is_signed_in()
    shown = [places.catalog(), places.data(), places.runs(), places.analysis()]
    person = plain(session.user_name()) or words.ACCOUNT
    pages = {"": shown, person: [places.quota(), places.sign_out()]} if known else {"": shown}
    st.navigation(pages, position="top" if known else "hidden").run()
