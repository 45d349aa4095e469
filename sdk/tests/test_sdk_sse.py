"""Server-sent events: whole events out of bytes cut anywhere."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam import sse
from openbeam.errors import ServiceFault
from openbeam.sse import Decoder, Event


def _decode(content: bytes, *, cuts: list[int] | None = None, last_id: str = "") -> list[Event]:
    edges = [0, *sorted(cut % (len(content) + 1) for cut in cuts or []), len(content)]
    pieces = [content[start:stop] for start, stop in pairwise(edges)]
    return list(Decoder(last_id).feed(pieces))


@pytest.mark.parametrize(
    ("content", "events"),
    [
        (b"data: a\n\n", [Event("message", "a", "")]),
        (b"data:a\ndata: b\ndata:  c\n\n", [Event("message", "a\nb\n c", "")]),
        (b"event: end\nid: 7\ndata: {}\r\n\r\n", [Event("end", "{}", "7")]),
        (b": keep-alive\n\ndata: x\r\r", [Event("message", "x", "")]),
        (b"\xef\xbb\xbfdata: x\n\n", [Event("message", "x", "")]),
        (b"data\n\n", [Event("message", "", "")]),
        (b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n", [Event("message", "a", "1"), Event("message", "b", "1"),
                                                          Event("message", "c", "")]),
        (b"id: a\0b\ndata: x\n\n", [Event("message", "x", "")]),
        (b"event: only\n\n", []),
        (b"data: half", []),
        (b"unknown: y\ndata: x\n\n", [Event("message", "x", "")]),
        ("data: a\u2028b\x85c\x0bd\n\n".encode(), [Event("message", "a\u2028b\x85c\x0bd", "")]),
    ],
)  # fmt: skip
def test_examples_of_the_standard(content: bytes, events: list[Event]) -> None:
    assert _decode(content) == events
    assert _decode(content, cuts=list(range(len(content)))) == events


text = st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), max_size=20)
events = st.lists(
    st.builds(
        Event,
        name=text.filter(lambda name: name != ""),
        data=st.lists(text, min_size=1, max_size=4).map("\n".join),
        id=text.filter(lambda value: "\0" not in value),
    ),
    max_size=5,
)


def _encode(event: Event, end: str) -> bytes:
    lines = [f"id: {event.id}", f"event: {event.name}", *(f"data: {line}" for line in event.data.split("\n")), "", ""]
    return end.join(lines).encode()


@given(events=events, end=st.sampled_from(["\n", "\r\n", "\r"]), cuts=st.lists(st.integers(0, 10_000), max_size=20))
def test_whatever_is_sent_arrives_however_it_is_cut(events: list[Event], end: str, cuts: list[int]) -> None:
    content = b"".join(_encode(event, end) for event in events)
    assert _decode(content, cuts=cuts) == events


@given(content=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_any_bytes_decode_the_same_in_pieces(content: bytes, cuts: list[int]) -> None:
    assert _decode(content, cuts=cuts) == _decode(content)


def test_place_in_the_stream_is_remembered() -> None:
    decoder = Decoder("3")
    assert list(decoder.feed([b"retry: 250\nid: 4\ndata: a\n\nid: 5\ndata: cut off"])) == [Event("message", "a", "4")]
    assert decoder.last_id == "4"
    assert decoder.retry == 0.25


def test_an_endless_event_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT", 100)
    with pytest.raises(ServiceFault, match="more than 100 bytes"):
        list(Decoder().feed([b"data: 123456789\n"] * 20))
    with pytest.raises(ServiceFault, match="more than 100 bytes"):
        list(Decoder().feed([b"x" * 60] * 2))
    assert len(list(Decoder().feed([b": ping\n", b"data: 1\n\n"] * 50))) == 50
