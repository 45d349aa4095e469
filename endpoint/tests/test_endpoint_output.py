"""What tasks print, from a running engine: both streams, of Python and of all below it, however the task ends."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam.models import MAX_OUTPUT, CallBody, CallResult, Isolation
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap
from openbeam_endpoint.sandbox.settings import OUTPUT_MOST


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    isolation = Isolation.bubblewrap if bubblewrap.works() else Isolation.none
    engine = Engine(name="output", data=tmp_path_factory.mktemp("files"), workers=2, isolation=isolation)
    engine.start()
    yield engine
    engine.close()


def run(engine: Engine, source: str, timeout: float = 30) -> EngineReply:
    replies: list[EngineReply] = []
    done = threading.Event()

    def answer(reply: EngineReply) -> None:
        replies.append(reply)
        done.set()

    body = CallBody(name="demo", entrypoint="f", args=[], kwargs={})
    engine.submit("task", pack(source.encode(), body.model_dump_json().encode()), timeout, answer)
    assert done.wait(60)
    return replies[0]


def printed(reply: EngineReply) -> tuple[bytes, bytes]:
    assert reply.printed is not None
    return base64.b64decode(reply.printed.stdout), base64.b64decode(reply.printed.stderr)


def value(reply: EngineReply) -> object:
    assert reply.body is not None, reply.problem
    return CallResult.model_validate_json(reply.body).value


def test_both_sides_agree_on_how_much_is_kept() -> None:
    assert OUTPUT_MOST == MAX_OUTPUT


def test_a_quiet_task_sends_nothing(engine: Engine) -> None:
    reply = run(engine, "def f():\n    return 1")
    assert (value(reply), reply.printed) == (1, None)
    assert reply.worker.startswith("worker ")
    assert reply.worker.endswith(f" of {engine.mark}")


def test_a_good_task_keeps_both_streams_apart(engine: Engine) -> None:
    source = """
import os, sys, logging
def f():
    print("out", "ü")
    print("err", file=sys.stderr)
    logging.warning("logged")
    os.write(1, b"raw\\n")
    os.system("echo below; echo worse >&2")
    return 7
"""
    reply = run(engine, source)
    out, err = printed(reply)
    assert value(reply) == 7
    assert sorted(out.decode().splitlines()) == ["below", "out ü", "raw"]
    assert err.decode().splitlines() == ["err", "WARNING:root:logged", "worse"]


def test_what_c_code_keeps_back_comes_out(engine: Engine) -> None:
    source = "import ctypes\ndef f():\n    ctypes.CDLL(None).printf(b'from C %d\\n', 5)\n    return 1"
    assert printed(run(engine, source)) == (b"from C 5\n", b"")


def test_much_in_one_piece_while_the_lock_is_held_blocks_nobody(engine: Engine) -> None:
    # PyDLL holds Python's lock during the call, as a C++ library may.
    source = """
import ctypes
def f():
    text = b"x" * 300_000
    return ctypes.PyDLL(None).write(1, text, len(text))
"""
    reply = run(engine, source)
    assert value(reply) == 300_000
    out, _ = printed(reply)
    assert len(out) <= MAX_OUTPUT


def test_of_much_the_beginning_and_the_end_are_kept(engine: Engine) -> None:
    source = "def f():\n    for i in range(300_000):\n        print(i)\n    return 1"
    out, _ = printed(run(engine, source))
    text = out.decode()
    assert text.startswith("0\n1\n2\n")
    assert text.endswith("299998\n299999\n")
    assert "bytes left out" in text
    assert 60_000 < len(out) <= MAX_OUTPUT


def test_a_task_that_prints_without_end_is_stopped_at_its_limit(engine: Engine) -> None:
    reply = run(engine, "import os\ndef f():\n    while True:\n        os.write(1, b'again\\n' * 5000)", timeout=1.0)
    assert reply.problem is not None
    assert reply.problem.kind == "TimedOut"
    assert "longer timeout" in reply.problem.message
    # It is killed in the middle of a word, perhaps.
    assert "again\nagain\n" in reply.problem.details["output"]
    assert value(run(engine, "def f():\n    return 1")) == 1


@pytest.mark.parametrize("end", ["os.kill(os.getpid(), 9)", "os._exit(3)", "os.abort()"])
def test_what_was_printed_outlives_the_task(engine: Engine, end: str) -> None:
    reply = run(engine, f"import os\ndef f():\n    print('last words', flush=True)\n    {end}")
    assert reply.problem is not None
    assert reply.problem.kind == "WorkerKilled"
    assert reply.problem.details["output"] == "last words\n"
    assert printed(reply) == (b"last words\n", b"")


def test_bytes_of_any_kind_travel(engine: Engine) -> None:
    reply = run(engine, "import os\ndef f():\n    os.write(1, bytes(range(256)))\n    os.write(2, b'\\x1b[2J')\n")
    assert printed(reply) == (bytes(range(256)), b"\x1b[2J")


def test_a_task_that_closes_its_streams_still_answers(engine: Engine) -> None:
    source = "import os, sys\ndef f():\n    os.close(1)\n    os.close(2)\n    sys.stdout.close()\n    return 2"
    assert value(run(engine, source)) == 2


def test_who_keeps_printing_after_the_end_holds_nobody_up(engine: Engine) -> None:
    source = """
import os
def f():
    if os.fork() == 0:
        os.setsid()
        while True:
            os.write(1, b"still here\\n")
    return 3
"""
    assert value(run(engine, source)) == 3


def test_an_exception_tells_its_own_message(engine: Engine) -> None:
    reply = run(engine, "def f():\n    print('before')\n    raise KeyError('muon')")
    assert reply.problem is not None
    details = reply.problem.details
    assert (details["type"], details["message"], details["line"]) == ("KeyError", "'muon'", 3)
    assert details["output"] == "before\n"
    assert Path(details["traceback"].split('"')[1]).name == "demo.py"
