"""One analysis: its settings, its figure, its lesson, its source, and the data it looks at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import streamlit as st
from openbeam import Client, Run
from openbeam.errors import InvalidParameter, OpenbeamError, UnknownRun
from openbeam.lessons import languages_of
from openbeam.models import Dataset, Function, FunctionKind, Lesson

from openbeam_portal import deprecation, places, reading, record, result, trouble
from openbeam_portal.figure import live
from openbeam_portal.form import form, title_of
from openbeam_portal.lesson import blocks_of, choose
from openbeam_portal.markdown import plain, tame
from openbeam_portal.words import en as words

__all__ = ["render"]

# Pixels that a line of a lesson may take: longer ones are lost on the way back.
_READABLE: Final = 780
_DATASET: Final = "chosen-dataset"
_MANY: Final = 12
"""Datasets that are looked over at a glance; among more one types a word."""
_LANGUAGE: Final = "lesson-language"


class _Settings(NamedTuple):
    dataset: Dataset | None
    params: dict[str, Any]


def render(client: Client) -> None:
    """Show the analysis that ``function=`` names; with ``run=``, that run of it."""
    ref = st.query_params.get("function")
    if not ref:
        st.info(words.CHOOSE_FIRST)
        st.page_link(places.catalog(), label=words.TO_CATALOG, icon=":material/explore:")
        return
    function = reading.function(client, ref)
    st.title(plain(function.title or function.name))
    st.markdown(plain(function.description))
    if function.deprecated is not None:
        deprecation.on_page(function.deprecated)
    if function.kind is not FunctionKind.analysis:
        st.info(words.NOT_AN_ANALYSIS.format(name=plain(function.name)))
        _source(function)
        return
    left, right = st.columns([4, 9], gap="large")
    with left:
        settings = _settings(client, function)
        run = _run(client, function)
        if run is not None and _differs(run, settings):
            st.caption(words.CHANGED)
    with right, st.container(key="figure-side"):
        chosen = _figure(client, run, settings.dataset)
    kept = st.container()
    _more(function, settings.dataset)
    if run is not None and chosen is not None:
        with kept:
            result.keep(client, run, reading.dataset_of(client, run.provenance.dataset), chosen)


def _settings(client: Client, function: Function) -> _Settings:
    dataset = _dataset(client, function)
    params = form(function.parameters)
    icon = ":material/play_arrow:"
    if st.button(words.RUN, type="primary", icon=icon, key="run-button", width="stretch", disabled=dataset is None):
        _submit(client, function, _Settings(dataset, params))
    st.caption(words.SHARE)
    return _Settings(dataset, params)


def _dataset(client: Client, function: Function) -> Dataset | None:
    offered = {dataset.name: dataset for dataset in reading.datasets_for(client, function.datasets)}
    if not offered:
        st.warning(words.NO_DATASET)
        return None

    def title(name: str) -> str:
        dataset = offered[name]
        remarks = [words.LOCAL_FILE] * dataset.local + [words.SIMULATED.lower()] * dataset.simulated
        return f"{dataset.title} ({', '.join(remarks)})" if remarks else dataset.title

    def keep() -> None:
        st.query_params["dataset"] = st.session_state[_DATASET]

    # Not bound to the address, where Streamlit would put the title: a link names the dataset itself.
    names, wanted = list(offered), st.query_params.get("dataset", "")
    # The first that can be run without more ado.
    first = next((number for number, dataset in enumerate(offered.values()) if dataset.files), 0)
    index = names.index(wanted) if wanted in offered else first
    name = st.selectbox(
        words.DATASET,
        names,
        index,
        title,
        key=_DATASET,
        help=words.DATASET_HELP,
        on_change=keep,
        filter_mode="contains" if len(names) > _MANY else None,
    )
    return offered[name]


def _submit(client: Client, function: Function, settings: _Settings) -> None:
    if settings.dataset is None:
        return
    try:
        run = client.submit_run(function.id, settings.dataset.name, params=settings.params)
    except InvalidParameter as error:
        title = title_of(function.parameters, str(error.details.get("parameter", "")))
        reason = plain(str(error.details.get("reason", error)))
        st.error(words.BAD_PARAMETER.format(title=plain(title), reason=reason), icon=":material/tune:")
    except OpenbeamError as error:
        trouble.show(error)
    else:
        st.query_params["run"] = run.id


def _run(client: Client, function: Function) -> Run | None:
    run_id = st.query_params.get("run")
    if not run_id:
        return None
    try:
        run = client.get_run(run_id)
    except UnknownRun:
        st.info(words.OTHER_RUN)
        return None
    return run if run.provenance.function.partition("@")[0] == function.name else None


def _differs(run: Run, settings: _Settings) -> bool:
    made = run.provenance
    if settings.dataset is not None and settings.dataset.name != made.dataset:
        return True
    return any(name in made.params and made.params[name] != value for name, value in settings.params.items())


def _figure(client: Client, run: Run | None, dataset: Dataset | None) -> str | None:
    if run is None:
        live.empty(live.header_of(dataset))
        return None
    return result.show(client, run, reading.dataset_of(client, run.provenance.dataset))


def _more(function: Function, dataset: Dataset | None) -> None:
    lesson, source, data = st.tabs([words.LESSON, words.SOURCE, words.DATA])
    with lesson, st.container(width=_READABLE):
        _lesson(function)
    with source:
        _source(function)
    with data:
        if dataset is None:
            st.info(words.NO_DATASET)
        else:
            record.show(dataset)


def _lesson(function: Function) -> None:
    lesson = choose(function.lessons, st.query_params.get("language") or st.context.locale)
    if lesson is None:
        st.markdown(words.NO_LESSON)
        return
    if len(function.lessons) > 1:
        lesson = _in_language(function.lessons, lesson)
    st.header(plain(lesson.title))
    for block in blocks_of(lesson.markdown):
        if block.title is None:
            st.markdown(tame(block.text))
        else:
            with st.expander(plain(block.title)):
                st.markdown(tame(block.text))


def _in_language(lessons: Sequence[Lesson], first: Lesson) -> Lesson:
    """Return the lesson in the language that the reader chooses; the address keeps it."""
    offered = dict(zip(languages_of(lessons), lessons, strict=True))

    def keep() -> None:
        st.query_params["language"] = offered[st.session_state[_LANGUAGE]].language

    now = next(name for name, lesson in offered.items() if lesson.language == first.language)
    name = st.pills(
        words.LANGUAGE,
        list(offered),
        default=now,
        required=True,
        key=_LANGUAGE,
        on_change=keep,
        label_visibility="collapsed",
    )
    return offered[name or now]


def _source(function: Function) -> None:
    name, owner = plain(function.name), plain(function.owner)
    st.markdown(words.SOURCE_NOTE.format(name=name, version=function.version, owner=owner))
    st.code(function.source, language="python", line_numbers=True)
