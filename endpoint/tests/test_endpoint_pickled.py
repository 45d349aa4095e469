"""Pickled code: opened in an engine, by the Python that made it, and its errors are the author's."""

from __future__ import annotations

import base64
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openbeam import source
from openbeam.models import CallBody, CallResult, CodeFormat, Isolation
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap

HERE = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    isolation = Isolation.bubblewrap if bubblewrap.works() else Isolation.none
    engine = Engine(name="pickled", data=tmp_path_factory.mktemp("files"), workers=1, isolation=isolation)
    engine.start()
    yield engine
    engine.close()


def run(engine: Engine, code: bytes, *args: Any, python: str = HERE, entrypoint: str = "f") -> EngineReply:
    replies: list[EngineReply] = []
    done = threading.Event()

    def answer(reply: EngineReply) -> None:
        replies.append(reply)
        done.set()

    about = {"format": CodeFormat.pickle, "python": python, "entrypoint": entrypoint}
    body = CallBody(name="demo", args=list(args), kwargs={}, **about)
    engine.submit("task", pack(code, body.model_dump_json().encode()), 30, answer)
    assert done.wait(60)
    return replies[0]


def pickled(function: Callable[..., Any]) -> bytes:
    return base64.b64decode(source.from_pickle(function).source)


def divided(by: float) -> Callable[[float], float]:
    def divide(x: float) -> float:
        return x / by

    return divide


def by_value(function: Any) -> Any:
    """Make a function of this file one of a notebook: nobody else can import it."""
    function.__module__ = "__main__"
    return function


def test_a_closure_and_a_lambda_run(engine: Engine) -> None:
    for function in (by_value(divided(2)), by_value(lambda x: x * 0.5)):
        reply = run(engine, pickled(function), 42)
        assert reply.problem is None, reply.problem
        assert CallResult.model_validate_json(reply.body or b"").value == 21


def test_what_it_raises_is_told_with_its_own_line(engine: Engine) -> None:
    problem = run(engine, pickled(by_value(divided(0))), 1).problem
    assert problem is not None
    assert (problem.kind, problem.details["type"]) == ("FunctionRaised", "ZeroDivisionError")
    lines = Path(__file__).read_text().splitlines()
    assert "x / by" in lines[problem.details["line"] - 1]


def test_another_python_is_told_in_plain_words(engine: Engine) -> None:
    problem = run(engine, pickled(by_value(divided(2))), 1, python="3.8").problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("FunctionRefused", False)
    assert f"pickled by Python 3.8, and this endpoint has {HERE}" in problem.message


@pytest.mark.parametrize("code", [b"", b"\x80\x05nonsense", b"cnot_installed_here\nf\n."])
def test_what_cannot_be_opened_says_so(engine: Engine, code: bytes) -> None:
    problem = run(engine, code).problem
    assert problem is not None
    assert problem.kind == "FunctionRaised"


def test_source_text_is_not_opened_as_a_pickle(engine: Engine) -> None:
    problem = run(engine, b"def f():\n    return 1\n").problem
    assert problem is not None
    assert problem.kind == "FunctionRaised"
