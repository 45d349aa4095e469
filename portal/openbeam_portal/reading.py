"""What pages read again at every touch of a widget, kept for a moment in the reader's own session."""

from __future__ import annotations

from typing import Any

import streamlit as st
from openbeam import Client
from openbeam.models import Dataset, Function, FunctionKind, FunctionSummary

__all__ = ["analyses", "dataset_of", "datasets", "datasets_for", "function", "histograms", "scopes"]

# Long enough for a slider, short enough for a teacher who has just published something.
_SECONDS = 10


@st.cache_data(scope="session", ttl=_SECONDS, max_entries=8, show_spinner=False)
def analyses(_client: Client, search: str) -> list[FunctionSummary]:
    """Return the analyses that fit a search."""
    return [found for found in _client.functions(search=search or None) if found.kind is FunctionKind.analysis]


@st.cache_data(scope="session", ttl=_SECONDS, max_entries=8, show_spinner=False)
def function(_client: Client, ref: str) -> Function:
    """Return a function by id, name or ``name@version``."""
    return _client.function(ref)


@st.cache_data(scope="session", ttl=_SECONDS, max_entries=1, show_spinner=False)
def datasets(_client: Client) -> dict[str, Dataset]:
    """Return the datasets that the person may see, by name."""
    return {dataset.name: dataset for dataset in _client.datasets()}


@st.cache_data(scope="session", ttl=_SECONDS, max_entries=1, show_spinner=False)
def scopes(_client: Client) -> frozenset[str]:
    """Return what the person may do, as far as buttons go; the service decides."""
    return frozenset(_client.whoami().scopes)


@st.cache_data(scope="session", max_entries=8, show_spinner=False)
def histograms(_client: Client, run_id: str) -> dict[str, dict[str, Any]]:
    """Return the histograms of a run that has ended: they do not change any more."""
    return _client.get_run(run_id).uhi


def datasets_for(client: Client, names: list[str]) -> list[Dataset]:
    """Return the datasets to offer for an analysis: those that it names, then local files; all when it names none."""
    known = datasets(client)
    named = [known[name] for name in names if name in known]
    others = [dataset for dataset in known.values() if dataset.local and dataset not in named]
    return named + others if names else list(known.values())


def dataset_of(client: Client, name: str) -> Dataset | None:
    """Return a dataset by name, or None when the person may not see it any more."""
    return datasets(client).get(name)
