"""A running engine, in every isolation that works here: what is asked of it, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path

import hist
import numpy as np
import pytest
from endpoint_lab import EVENTS, Lab, Pending, call
from openbeam.histograms import from_uhi
from openbeam.models import (
    MAX_RESULT,
    ChunkResult,
    InspectBody,
    InspectResult,
)


# ---------------------------------------------------------------------------------------------------- calls
def test_a_function_is_called_with_what_was_given(lab: Lab) -> None:
    assert lab.value("def f(a, b=0, *, c=0):\n    return {'sum': a + b + c, 'list': [1.5, None, 'ü']}", 1, c=2) == {
        "sum": 3,
        "list": [1.5, None, "ü"],
    }


def test_many_tasks_at_once_each_get_their_own_answer(lab: Lab) -> None:
    pending = [lab.begin(call("def f(i):\n    return i * i", i), task_id=str(i)) for i in range(20)]
    assert [json.loads(wait().body or b"")["value"] for wait in pending] == [i * i for i in range(20)]
    assert all(wait.running.is_set() for wait in pending)
    assert lab.engine.busy == 0


def test_state_does_not_outlive_a_task(lab: Lab) -> None:
    source = "import json, os\ndef f():\n    seen = hasattr(json, 'mark'), os.listdir()\n    json.mark = 1\n"
    source += "    open('left', 'w').close()\n    return seen"
    assert [lab.value(source) for _ in range(3)] == [[False, []]] * 3


def test_a_function_may_log_and_import_what_is_installed(lab: Lab) -> None:
    source = "import logging, sys\ndef f():\n    logging.basicConfig(level='INFO')\n    logging.info('seen')\n"
    problem = lab.problem(source + "    assert sys.modules.get('sqlalchemy', 1) is not None\n    raise ValueError")
    assert problem.details["type"] == "ValueError"
    assert "INFO:root:seen" in problem.details["output"]


def test_two_tasks_do_not_share_random_numbers(lab: Lab) -> None:
    source = "import numpy as np\ndef f():\n    return float(np.random.uniform())"
    assert len({lab.value(source) for _ in range(3)}) == 3


def test_pydantic_models_and_dataclasses_of_a_module_work(lab: Lab) -> None:
    source = """
from __future__ import annotations
from dataclasses import dataclass
from pydantic import BaseModel
@dataclass
class Point:
    x: int
class Cut(BaseModel):
    points: list[Point]
def f():
    return Cut(points=[{"x": 1}]).model_dump()
"""
    assert lab.value(source) == {"points": [{"x": 1}]}


# ---------------------------------------------------------------------------------------------------- errors
def test_an_exception_says_which_line_of_the_author(lab: Lab) -> None:
    source = (
        "import json\n\ndef g(text):\n    return json.loads(text)\n\ndef f():\n    print('so far')\n    return g('{')\n"
    )
    problem = lab.problem(source)
    assert problem.kind == "FunctionRaised"
    assert not problem.retry
    assert problem.details["type"] == "JSONDecodeError"
    assert problem.details["line"] == 4
    assert problem.details["code"] == "return json.loads(text)"
    assert problem.details["output"] == "so far\n"
    assert "demo.py" in problem.details["traceback"]
    assert "site-packages" not in problem.details["traceback"]
    assert "json/" not in problem.details["traceback"]
    assert "line 4 of demo.py" in problem.message


@pytest.mark.parametrize(
    ("source", "kind", "line"),
    [
        ("def f():\n    return (1 +\n", "SyntaxError", 2),
        ("x = 1\ny = x / 0\ndef f(): pass", "ZeroDivisionError", 2),
        ("def g(): pass", "NameError", 1),
        ("\n\ndef f(needed):\n    return needed", "TypeError", 3),
        ("def f():\n    raise SystemExit(3)", "SystemExit", 2),
        ("def f():\n    return f()", "RecursionError", 2),
        (
            "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\ndef f():\n    raise Odd",
            "Odd",
            5,
        ),
        ("def f():\n    return '\\ud800'.encode()", "UnicodeEncodeError", 2),
    ],
    ids=lambda value: value if isinstance(value, str) and value.isidentifier() else "",
)
def test_whatever_is_wrong_with_a_function_has_a_line(lab: Lab, source: str, kind: str, line: int) -> None:
    problem = lab.problem(source)
    assert (problem.kind, problem.details["type"], problem.details["line"]) == ("FunctionRaised", kind, line)


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("object()", "object of type object"),
        ("float('nan')", "JSON"),
        ("{1, 2}", "object of type set"),
        ("__import__('numpy').arange(3)", "tolist"),
        ("(lambda a: a.append(a) or a)([])", "JSON"),
        (f"'x' * {MAX_RESULT}", "limit"),
        ("type('E', (), {'__reduce__': lambda self: (__import__('os').system, ('touch /tmp/pwned',))})()", "type E"),
    ],
)
def test_what_is_not_json_does_not_travel(lab: Lab, expression: str, says: str) -> None:
    problem = lab.problem(f"def f():\n    return {expression}")
    assert problem.kind == "ResultRefused"
    assert says in problem.message
    assert not Path("/tmp/pwned").exists()


def test_a_function_cannot_forge_an_answer_that_is_not_one(lab: Lab) -> None:
    problem = lab.problem(
        "import os\ndef f():\n    [os.write(n, b'\\xff' * 64) for n in range(3, 9) if ok(n)]\n"
        "def ok(n):\n    try:\n        return os.fstat(n)\n    except OSError:\n        return None"
    )
    assert problem.kind in {"ResultRefused", "FunctionRaised"}
    assert lab.value("def f():\n    return 1") == 1


# ---------------------------------------------------------------------------------------------------- chunks
ANALYSIS = """
import hist
from pydantic import BaseModel, Field

class Params(BaseModel):
    low: float = Field(default=85, ge=0)

def analyze(events, params):
    axis = hist.axis.Regular(20, 80, 100, name="mass", label="Mass [GeV]")
    mass = events.mass[events.mass >= params.low]
    return {"mass": hist.Hist(axis).fill(mass)}
"""


def test_a_chunk_is_read_and_filled(lab: Lab) -> None:
    reply = lab.chunk(ANALYSIS, 100, 900, low=90)
    result = ChunkResult.model_validate_json(reply.body or b"")
    mass = np.linspace(80, 100, EVENTS)[100:900]
    expected = hist.Hist.new.Reg(20, 80, 100, name="mass", label="Mass [GeV]").Double().fill(mass[mass >= 90])
    assert result.events == 800
    assert 0 < result.seconds < 5
    assert from_uhi(result.histograms["mass"]) == expected


def test_an_analysis_without_params_gets_them_as_they_are(lab: Lab) -> None:
    source = "import hist\ndef analyze(events, params):\n"
    source += "    return {params.name: hist.Hist.new.Reg(2, 0, 200).Double().fill(events.mass)}"
    result = ChunkResult.model_validate_json(lab.chunk(source, name="m").body or b"")
    assert from_uhi(result.histograms["m"]).sum() == EVENTS


@pytest.mark.parametrize(
    ("source", "kind", "says"),
    [
        ("def analyze(events, params):\n    return {'n': len(events)}", "ResultRefused", "n: int"),
        ("def analyze(events, params):\n    return None", "ResultRefused", "None"),
        (ANALYSIS.replace('"mass": hist', "1: hist"), "ResultRefused", "name"),
        (ANALYSIS.replace("Regular(20,", "Regular(10**6,"), "ResultRefused", "bins"),
        (ANALYSIS.replace("Hist(axis)", "Hist(axis, storage=hist.storage.Weight())").replace(
            ".fill(mass)", ".fill(mass, weight=float('nan'))"), "ResultRefused", "NaN"),
        (ANALYSIS.replace("events.mass[", "events.mas["), "FunctionRaised", "line 10"),
        (ANALYSIS.replace("default=85", "default=85, le=1"), "FunctionRaised", "line 5"),
    ],
)  # fmt: skip
def test_a_chunk_without_histograms_says_why(lab: Lab, source: str, kind: str, says: str) -> None:
    problem = lab.chunk(source, low=85).problem if "Params" in source else lab.chunk(source).problem
    assert problem is not None
    assert problem.kind == kind
    assert says in problem.message


def test_a_range_or_tree_that_is_not_there_is_told(lab: Lab) -> None:
    over = lab.chunk(ANALYSIS, 0, EVENTS + 1).problem
    assert over is not None
    assert over.kind == "DataUnavailable"
    tree = lab.run(InspectBody(tree="event", **lab.file)).problem
    assert tree is not None
    assert (tree.kind, tree.details["nearest"], tree.retry) == ("DataUnavailable", ["events"], False)
    gone = lab.run(InspectBody(tree="events", file="adler32:00000000", size=7)).problem
    assert gone is not None
    assert (gone.kind, gone.retry) == ("DataUnavailable", True)


def test_a_file_is_inspected(lab: Lab) -> None:
    facts = InspectResult.model_validate_json(lab.run(InspectBody(tree="events", **lab.file)).body or b"")
    assert (facts.entries, facts.offsets, facts.columns) == (EVENTS, [0, EVENTS], ["mass"])


def test_a_body_that_is_no_task_is_a_fault_of_the_endpoint(lab: Lab) -> None:
    problem = Pending(lab.engine, b'{"kind": "dance"}', 10, "x")().problem
    assert problem is not None
    assert problem.kind == "EngineFault"


def test_a_body_over_the_limit_is_answered(lab: Lab) -> None:
    problem = Pending(lab.engine, b"x" * (17 << 20), 10, "x")().problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("EngineFault", False)
