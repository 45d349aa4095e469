"""The form by which teachers add a record of CERN Open Data: looked up, shown with its licence, and then added."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st
from openbeam import Client
from openbeam.errors import OpenbeamError
from openbeam.models import Dataset, DatasetSpec
from openbeam.opendata import Wishes, propose

from openbeam_portal import reading, record, trouble
from openbeam_portal.markdown import plain
from openbeam_portal.words import en as words

__all__ = ["show"]

_FOUND: Final = "record-to-import"
_LONGEST: Final = 200
_HINTS: Final = {"files": words.IMPORT_CHOOSE_FILES, "tree": words.IMPORT_NAME_TREE}


def show(client: Client, known: Mapping[str, Dataset]) -> None:
    """Show the form to those who may add datasets, and nothing to others."""
    if "datasets:write" not in reading.scopes(client):
        return
    with st.expander(words.IMPORT_TITLE, icon=":material/add_circle:", key="import"):
        st.markdown(words.IMPORT_MEANING)
        _ask()
        if found := st.session_state.get(_FOUND):
            _preview(client, found, known)


def _ask() -> None:
    """Show the fields, and look up what they name when they are sent."""
    with st.form("import-form", border=False):
        reference = st.text_input(
            words.IMPORT_RECORD, key="import-record", placeholder=words.IMPORT_HINT, max_chars=_LONGEST
        )
        left, middle, right = st.columns(3)
        name = left.text_input(words.IMPORT_NAME, key="import-name", help=words.IMPORT_NAME_HELP, max_chars=_LONGEST)
        files = middle.text_input(
            words.IMPORT_FILES, key="import-files", help=words.IMPORT_FILES_HELP, max_chars=_LONGEST
        )
        tree = right.text_input(words.IMPORT_TREE, key="import-tree", help=words.IMPORT_TREE_HELP, max_chars=_LONGEST)
        pressed = st.form_submit_button(words.IMPORT_LOOK, icon=":material/search:", key="import-look")
    if pressed:
        st.session_state.pop(_FOUND, None)
        _look_up(reference, Wishes(name=name.strip() or None, files=files, tree=tree.strip() or None))


def _look_up(reference: str, wishes: Wishes) -> None:
    try:
        with st.spinner(words.IMPORT_LOOKING):
            st.session_state[_FOUND] = propose(reference, wishes)
    except OpenbeamError as error:
        trouble.show(error)
        if hint := _HINTS.get(error.details.get("field", "")):
            st.caption(hint)


def _preview(client: Client, spec: DatasetSpec, known: Mapping[str, Dataset]) -> None:
    with st.container(border=True):
        record.show(spec, st.subheader)
        layout = (
            f"{spec.layout.value}, {words.IMPORT_TREE_NAME.format(tree=spec.tree)}" if spec.tree else spec.layout.value
        )
        licence = plain(spec.license or words.IMPORT_NO_LICENCE)
        st.markdown(words.IMPORT_AS.format(name=plain(spec.name), layout=plain(layout), licence=licence))
        if spec.name in known:
            st.warning(words.IMPORT_REPLACES.format(name=plain(spec.name)), icon=":material/sync:")
        elif same := [one.name for one in known.values() if spec.recid and one.recid == spec.recid]:
            st.info(words.IMPORT_KNOWN.format(names=plain(", ".join(same))), icon=":material/info:")
        # In a callback, whatever is drawn next begins with the new dataset.
        st.button(
            words.IMPORT_ADD,
            type="primary",
            icon=":material/add:",
            key="import-add",
            on_click=_add,
            args=(client, spec),
        )


def _add(client: Client, spec: DatasetSpec) -> None:
    try:
        added = client.publish_dataset(spec)
    except OpenbeamError as error:
        trouble.show(error)
        return
    st.session_state.pop(_FOUND, None)
    reading.datasets.clear()
    st.query_params["dataset"] = added.name
