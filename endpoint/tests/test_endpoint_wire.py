"""Frames arrive whole however the stream is cut, and nobody can make the other side allocate without end."""

import json
import socket
import struct
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import EngineFault
from openbeam_endpoint import wire

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
frames = st.tuples(
    st.dictionaries(st.text(), json_values, max_size=5).map(lambda head: {**head, "op": "x"}), st.binary()
)


@settings(deadline=None)
@given(st.lists(frames, max_size=5), st.integers(1, 40))
def test_frames_come_out_as_they_went_in_wherever_the_stream_is_cut(sent: list[wire.Frame], step: int) -> None:
    stream = b"".join(wire.encode(*frame) for frame in sent)
    decoder = wire.Decoder()
    got = [frame for i in range(0, len(stream), step) for frame in decoder.feed(stream[i : i + step])]
    assert got == sent
    assert decoder.pending == 0


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_frames_are_refused_or_awaited(noise: bytes) -> None:
    decoder = wire.Decoder()
    try:
        for head, _ in decoder.feed(noise):
            assert isinstance(head["op"], str)
    except EngineFault:
        return
    assert decoder.pending <= len(noise)


@pytest.mark.parametrize("lengths", [(wire.MAX_HEAD + 1, 0), (2, wire.MAX_BODY + 1), (2**32 - 1, 2**32 - 1)])
def test_a_length_over_its_limit_is_refused_before_anything_is_kept_for_it(lengths: tuple[int, int]) -> None:
    with pytest.raises(EngineFault, match="the limit is") as caught:
        list(wire.Decoder().feed(struct.pack("!II", *lengths)))
    assert caught.value.details["size"] > caught.value.details["limit"]


@pytest.mark.parametrize("head", [b"[]", b"{}", b'{"op": 1}', b"{", b"\xff", b"[" * 100_000])
def test_a_head_that_is_no_object_with_an_op_is_refused(head: bytes) -> None:
    with pytest.raises(EngineFault, match="head"):
        list(wire.Decoder().feed(struct.pack("!II", len(head), 0) + head))


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(EngineFault, match="body"):
        wire.encode({"op": "run"}, b"x" * (wire.MAX_BODY + 1))
    with pytest.raises(EngineFault, match="head"):
        wire.encode({"op": "run", "more": "x" * wire.MAX_HEAD})


def test_a_frame_crosses_a_socket() -> None:
    ours, theirs = socket.socketpair()
    body = bytes(range(256)) * 4096
    sender = threading.Thread(target=lambda: (ours.sendall(wire.encode({"op": "run"}, body)), ours.close()))
    with theirs:
        sender.start()
        assert wire.receive(theirs) == ({"op": "run"}, body)
        sender.join()
        assert wire.receive(theirs) is None


def test_a_frame_that_is_cut_off_is_an_error() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(wire.encode({"op": "run"}, b"body")[:-1])
        ours.close()
        with pytest.raises(EngineFault, match="cut off"):
            wire.receive(theirs)


def test_a_frame_is_lengths_then_json_then_the_body() -> None:
    frame = wire.encode({"op": "beat"}, b"\x00\x01")
    head, body = struct.unpack("!II", frame[:8])
    assert json.loads(frame[8 : 8 + head]) == {"op": "beat"}
    assert frame[8 + head :] == b"\x00\x01"
    assert body == 2
