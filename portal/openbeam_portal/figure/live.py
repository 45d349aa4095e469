"""The live figure: mounts the browser's part and tells it what to draw, or where to listen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

import streamlit as st
from openbeam.models import Dataset, Run, RunUpdate

from openbeam_portal.figure import bundle
from openbeam_portal.words import en as words

__all__ = ["Header", "empty", "header_of", "listening", "still", "update"]

_NAME: Final = "openbeam_live_figure"

Histograms = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Header:
    """What stands over a figure: whose data, and of which collisions."""

    experiment: str
    kind: str
    collision: str


def header_of(dataset: Dataset | None, *, simulated: bool = False) -> Header:
    """Return the header for figures of a dataset; ``simulated`` is what a run of it found out."""
    if dataset is None:
        return Header("", words.SIMULATED if simulated else "", "")
    kind = words.LOCAL_FILE.capitalize() if dataset.local else words.OPEN_DATA
    if simulated or dataset.simulated:
        kind = words.SIMULATED
    year = f" ({dataset.year})" if dataset.year else ""
    return Header(dataset.experiment, kind, f"{dataset.collision}{year}".strip())


def empty(header: Header) -> None:
    """Show the frame in which a figure will be."""
    _mount({"key": "", "url": None, "update": None}, header)


def still(key: str, histograms: Histograms, header: Header) -> None:
    """Show histograms that belong to no run."""
    _mount({"key": key, "url": None, "update": {"run": None, "histograms": histograms}}, header)


def update(run: RunUpdate, header: Header) -> str | None:
    """Show a run as it is, and return the name of the histogram that the reader has chosen."""
    data = {"key": run.run.id, "url": None, "update": run.model_dump(mode="json")}
    return _chosen(_mount(data, header))


def listening(run: Run, url: str, header: Header, renew: Callable[[], None]) -> bool:
    """Show a run while it fills, from its events at ``url``; True when it has just ended.

    ``renew`` is called when the address does not work any more.
    """
    known = {"run": run.model_dump(mode="json"), "histograms": {}}
    result = _mount({"key": run.id, "url": url, "update": known}, header, on_stale_change=renew)
    return bool(getattr(result, "ended", None) == run.id)


def _mount(data: dict[str, Any], header: Header, on_stale_change: Callable[[], None] | None = None) -> Any:
    return _component()(
        # One key for all: the figure stays in the page while a run starts, fills and ends.
        key="figure",
        data={**data, "header": asdict(header), "words": words.FIGURE},
        on_ended_change=_nothing,
        on_chosen_change=_nothing,
        on_stale_change=on_stale_change or _nothing,
    )


def _nothing() -> None:
    """Let Streamlit run the page again, which is all that is needed."""


def _chosen(result: Any) -> str | None:
    chosen = getattr(result, "chosen", None)
    return chosen if isinstance(chosen, str) else None


@st.cache_resource(show_spinner=False)
def _component() -> Callable[..., Any]:
    return st.components.v2.component(_NAME, js=bundle.script(), css=bundle.style())
