"""What the caller may have and has, by themselves and with their classes."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st
from openbeam import Client
from openbeam.models import Quota, QuotaUse

from openbeam_portal.markdown import plain
from openbeam_portal.moments import moment
from openbeam_portal.words import en as words

__all__ = ["render"]

_WIDTH = 620
_HOUR = 3600


def render(client: Client) -> None:
    """Show a bar for each limit."""
    st.title(words.QUOTA_TITLE)
    st.markdown(words.QUOTA_MEANING)
    for quota in client.quota():
        with st.container(border=True, width=_WIDTH):
            _show(quota)


def _show(quota: Quota) -> None:
    st.subheader(words.QUOTA_OWN if quota.who == "you" else words.QUOTA_TOGETHER.format(who=plain(quota.who)))
    for name, use, unit in _uses(quota):
        used = f"{use.used / unit:,.4g}"
        if use.limit is None:
            st.markdown(words.QUOTA_NO_LIMIT.format(name=name, used=used))
            continue
        text = words.QUOTA_USE.format(name=name, used=used, limit=f"{use.limit / unit:,.6g}")
        # More than the limit is in use where the limit was lowered meanwhile; of nothing all is used.
        st.progress(min(use.used / use.limit, 1.0) if use.limit else 1.0, text)
        if use.frees is not None:
            st.caption(words.QUOTA_FREES.format(when=moment(use.frees, st.context.timezone)))


def _uses(quota: Quota) -> Iterator[tuple[str, QuotaUse, int]]:
    yield words.QUOTA_RUNS, quota.runs, 1
    yield words.QUOTA_CALLS, quota.tasks, 1
    yield words.QUOTA_CPU, quota.cpu_seconds, _HOUR
