"""A dataset's record: what it is, where it is from, and what to know before believing it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import streamlit as st
from openbeam.models import DatasetSpec

from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["doi_link", "show", "size_text"]

_DOI: Final = re.compile(r"^10\.[0-9]{4,9}/[A-Za-z0-9._;/:-]+\Z")
_UNITS: Final = ("bytes", "kB", "MB", "GB", "TB")
_THOUSAND: Final = 1000


def show(dataset: DatasetSpec, heading: Callable[[str], object] = st.header) -> None:
    """Show the record, under a heading of the page's choice."""
    heading(plain(dataset.title))
    if dataset.description:
        st.markdown(plain(dataset.description))
    if not dataset.files:
        st.info(plain(dataset.obtain), icon=":material/download:")
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.markdown("  \n".join(f"**{name}:** {value}" for name, value in _facts(dataset).items() if value))
    with right:
        if dataset.notes:
            st.subheader(words.NOTES)
            st.markdown("\n".join(f"- {plain(note)}" for note in dataset.notes))
    if dataset.columns:
        with st.expander(words.COLUMNS, icon=":material/table_rows:"):
            names, meanings = list(dataset.columns), list(dataset.columns.values())
            st.dataframe({words.COLUMN: names, words.MEANING: meanings}, hide_index=True, alt=words.COLUMNS)


def _facts(dataset: DatasetSpec) -> dict[str, str]:
    size = size_text(sum(file.size for file in dataset.files))
    record = f"https://opendata.cern.ch/record/{dataset.recid}"
    return {
        words.EXPERIMENT: plain(dataset.experiment),
        words.COLLISIONS: plain(dataset.collision),
        words.RECORDED: str(dataset.year or ""),
        words.EVENTS_ARE: words.SIMULATED_MEANING if dataset.simulated else "",
        words.EVENTS: f"{dataset.events:,}" if dataset.events is not None else "",
        words.FILES: words.FILES_VALUE.format(files=len(dataset.files), size=size) if dataset.files else "",
        words.RECORD: f"[opendata.cern.ch/record/{dataset.recid}]({record})" if dataset.recid else "",
        "DOI": doi_link(dataset.doi) if dataset.doi else words.NO_DOI if dataset.local else "",
        words.LICENCE: plain(dataset.license),
    }


def doi_link(doi: str) -> str:
    """Return a DOI as a link to what it names; what has not the form of one is text like any other."""
    return f"[{plain(doi)}](https://doi.org/{doi})" if _DOI.match(doi) else plain(doi)


def size_text(size: float) -> str:
    """Return a size in bytes as people say it: ``178.9 kB``."""
    for unit in _UNITS:
        if size < _THOUSAND or unit == _UNITS[-1]:
            break
        size /= _THOUSAND
    return f"{size:.0f} {unit}" if unit == _UNITS[0] else f"{size:.1f} {unit}"
