"""A fit of a finished run's histogram: a form, and below it curve, pulls, numbers and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import streamlit as st
from openbeam.errors import OpenbeamError

from openbeam_portal import trouble
from openbeam_portal.figure.peak import Answer, Wanted
from openbeam_portal.figure.picture import Picture
from openbeam_portal.figure.press import PressBusy, PressFailed, press
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["offer"]

_MOST_FITS: Final = 64
# A slider with more stops than pixels cannot be set.
_MOST_STOPS: Final = 400
# Of an axis whose bins grow, about so many around the tallest are offered to begin with.
_AROUND_PEAK: Final = 14


def offer(name: str, stem: str, picture: Picture, *, simulated: bool) -> None:
    """Offer to fit a histogram, and show the fit that was asked for; ``name`` tells it from all others."""
    if not _is_fittable(picture.uhi):
        return
    with st.expander(words.FIT_TITLE, icon=":material/show_chart:", expanded=name in _asked()):
        st.caption(words.FIT_INTRO)
        if wanted := _form(name, picture.uhi, simulated=simulated):
            _asked()[name] = wanted
        if name in _asked():
            _show(name, stem, _asked()[name], picture)


def _asked() -> dict[str, Wanted]:
    """Return the fits that the reader has asked for, by histogram."""
    asked: dict[str, Wanted] = st.session_state.setdefault("fits", {})
    return asked


def _is_fittable(uhi: Mapping[str, Any]) -> bool:
    return (
        len(uhi["axes"]) == 1 and uhi["axes"][0]["type"] in ("regular", "variable") and uhi["storage"]["type"] != "mean"
    )


# ------------------------------------------------------------------------------------------------ form
def _form(name: str, uhi: Mapping[str, Any], *, simulated: bool) -> Wanted | None:
    """Show the form; return what is wanted when its button was pressed."""
    stops, begin = _range(uhi)
    with st.form(f"fit {name}", border=False):
        left, right = st.columns(2)
        with left:
            signal = _choice(words.FIT_SIGNAL, words.FIT_SIGNALS, f"fit-signal {name}", words.FIT_SIGNAL_HELP)
        with right:
            below = _choice(words.FIT_BACKGROUND, words.FIT_BACKGROUNDS, f"fit-below {name}", words.FIT_BACKGROUND_HELP)
        ends = st.select_slider(words.FIT_RANGE, stops, begin, lambda edge: f"{edge:.6g}", key=f"fit-range {name}")
        left, right = st.columns(2, vertical_alignment="bottom")
        with left:
            particle = _choice(words.FIT_PARTICLE, words.FIT_PARTICLES, f"fit-with {name}", words.FIT_PARTICLE_HELP)
        width = right.checkbox(words.FIT_WIDTH, key=f"fit-width {name}", help=words.FIT_WIDTH_HELP)
        pressed = st.form_submit_button(words.FIT_BUTTON, icon=":material/show_chart:", key=f"fit-button {name}")
    low, high = ends
    return Wanted(signal, below, low, high, particle or None, width, simulated) if pressed else None


def _choice(label: str, choices: Mapping[str, str], key: str, about: str) -> str:
    """Let one of the choices be chosen by its words; return what they stand for."""
    chosen = st.selectbox(label, list(choices), key=key, help=about, filter_mode=None)
    return choices[chosen]


def _range(uhi: Mapping[str, Any]) -> tuple[list[float], tuple[float, float]]:
    """Return the edges between which to choose, and where to begin."""
    axis = uhi["axes"][0]
    if axis["type"] == "regular":
        edges = np.linspace(axis["lower"], axis["upper"], axis["bins"] + 1)
        first, last = 0, len(edges) - 1
    else:
        edges = np.asarray(axis["edges"], dtype=float)
        contents = np.asarray(uhi["storage"]["values"], dtype=float)[axis["underflow"] :]
        tallest = int(np.argmax(contents[: len(edges) - 1]))
        first, last = max(0, tallest - _AROUND_PEAK), min(len(edges) - 1, tallest + _AROUND_PEAK + 1)
    step = -(-len(edges) // _MOST_STOPS)
    chosen = sorted({*range(0, len(edges), step), first, last, len(edges) - 1})
    return [float(edges[place]) for place in chosen], (float(edges[first]), float(edges[last]))


# ------------------------------------------------------------------------------------------------ result
def _show(name: str, stem: str, wanted: Wanted, picture: Picture) -> None:
    try:
        with st.spinner(words.FIT_MAKING):
            made = _fit(name, wanted, picture)
    except PressBusy:
        st.info(words.PICTURE_BUSY)
    except PressFailed:
        st.info(words.FIT_FAILED)
    except OpenbeamError as error:
        trouble.show(error)
    else:
        _show_fit(stem, made)


def _show_fit(stem: str, made: Answer) -> None:
    left, right = st.columns([1, 1], gap="large")
    with left:
        st.image(made.png, alt=words.FIT_ALT.format(title=stem, summary=made.summary), width="stretch")
        with st.container(horizontal=True):
            png, csv = f"{stem}-fit.png", f"{stem}-fit.csv"
            st.download_button(
                words.FIT_PNG, made.png, png, "image/png", icon=":material/image:", on_click="ignore", key="fit-png"
            )
            st.download_button(
                words.FIT_CSV, made.csv, csv, "text/csv", icon=":material/table:", on_click="ignore", key="fit-csv"
            )
    with right:
        heading = f"| {words.FIT_PARAMETER} | {words.FIT_VALUE} |\n|---|---|\n"
        st.markdown(heading + "\n".join(f"| {plain(title)} | {plain(value)} |" for title, value in made.rows))
        st.markdown(plain(made.summary))
        for sentence in made.sentences:
            st.markdown(plain(sentence))


@st.cache_data(max_entries=_MOST_FITS, show_spinner=False)
def _fit(name: str, wanted: Wanted, _picture: Picture) -> Answer:  # noqa: ARG001 - the cache's key
    return press.fit(_picture, wanted)
