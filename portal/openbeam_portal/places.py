"""The portal's pages, and links between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

import streamlit as st
from streamlit.navigation.page import Page

from openbeam_portal import session
from openbeam_portal.words import en as words

__all__ = ["NAMES", "analysis", "catalog", "data", "query_of", "quota", "runs", "shown", "sign_out"]


NAMES: Final = ("analysis", "catalog", "data", "quota", "runs", "welcome")
"""Modules of the pages."""


def shown(name: str) -> Callable[[], None]:
    """Return the page of this name, for ``st.Page``."""

    # The pages link to one another, so each is imported only when it is shown.
    def show() -> None:
        module = import_module(f"openbeam_portal.pages.{name}")
        welcome = import_module("openbeam_portal.pages.welcome")
        session.page(module.render, welcome.render)()

    return show


def catalog() -> Page:
    """Return the first page: all analyses."""
    return st.Page(shown("catalog"), title=words.CATALOG, icon=":material/explore:", url_path="catalog", default=True)


def data() -> Page:
    """Return the page of all datasets; with ``dataset=`` in its address, of one."""
    return st.Page(shown("data"), title=words.DATA, icon=":material/database:", url_path="data")


def runs() -> Page:
    """Return the page of the caller's runs."""
    return st.Page(shown("runs"), title=words.MY_RUNS, icon=":material/history:", url_path="runs")


def analysis() -> Page:
    """Return the page of one analysis; it needs ``function=`` in its address, and may have ``run=``."""
    return st.Page(shown("analysis"), title=words.ANALYSIS, url_path="analysis", visibility="hidden")


def quota() -> Page:
    """Return the page of the caller's quota."""
    return st.Page(shown("quota"), title=words.MY_QUOTA, icon=":material/speed:", url_path="quota")


def sign_out() -> Page:
    """Return the page that signs out."""
    return st.Page(session.sign_out, title=words.SIGN_OUT, icon=":material/logout:", url_path="signout")


def query_of(
    function: str, dataset: str = "", run: str = "", params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the query parameters that open an analysis with these settings."""
    found: dict[str, Any] = {"function": function, "dataset": dataset, "run": run}
    found = {name: value for name, value in found.items() if value}
    return found | {name: _text(value) for name, value in (params or {}).items() if value is not None}


def _text(value: Any) -> str | list[str]:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return [str(part) for part in value]
    return str(value)
