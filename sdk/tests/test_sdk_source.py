"""What leaves the author's machine: text that stands alone, and a schema."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from openbeam import source
from openbeam.errors import InvalidInput
from openbeam.models import FunctionKind, FunctionSpec
from pydantic import BaseModel, Field


def _load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


samples: Any = _load(Path(__file__).with_name("sdk_samples.py"), "sdk_samples")


def _run(pieces: source.Source, *args: Any) -> Any:
    namespace: dict[str, Any] = {}
    exec(pieces.source, namespace)
    return namespace[pieces.entrypoint](*args)


def test_a_plain_function_travels_as_its_text() -> None:
    pieces = source.from_callable(samples.compute_sum)
    assert pieces.kind is FunctionKind.plain
    assert pieces.entrypoint == "compute_sum"
    assert pieces.sha256 == hashlib.sha256(pieces.source.encode()).hexdigest()
    assert _run(pieces, [1, 3, 5]) == 9
    spec = FunctionSpec(name=source.name_of(samples.compute_sum), **pieces.fields())
    assert spec.name == "compute_sum"
    assert source.description_of(samples.compute_sum) == "Add the values up."


@pytest.mark.parametrize(
    ("function", "argument", "result"),
    [
        (samples.with_imports, 0.0, {"sine": 0.0, "list": 0.0}),
        (samples.recursive, 5, 120),
        (samples.make_inner(), 4, 8),
    ],
)
def test_a_text_that_stands_alone_runs_elsewhere(function: Callable[..., Any], argument: Any, result: Any) -> None:
    assert _run(source.from_callable(function), argument) == result


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (samples.nameless, "Write it with def"),
        (samples.make_closure(3), "uses offset of the function around it.*Pass that as an argument"),
        (samples.uses_module, "uses math from outside itself.*Import or define that inside"),
        (samples.uses_global, "uses FACTOR from outside itself"),
        (samples.uses_annotation, "uses Any from outside itself"),
        (samples.cached, "not a function written in Python"),
        (samples.decorated, "is decorated.*without it"),
        (samples.coroutine, "coroutine"),
        (samples.agenerator, "coroutine or a generator"),
        (samples.generator, "coroutine or a generator"),
        (samples.Adder().method, "not a function written in Python"),
        (samples.Adder(), "not a function written in Python"),
        (len, "not a function written in Python"),
        (print, "Wrap it in one"),
    ],
)
def test_what_cannot_travel_is_refused_with_a_remedy(function: Callable[..., Any], says: str) -> None:
    with pytest.raises(InvalidInput, match=says) as caught:
        source.from_callable(function)
    assert caught.value.details["field"] == "source"


def test_a_function_typed_at_the_prompt_has_no_text() -> None:
    namespace: dict[str, Any] = {}
    exec(compile("def typed(x):\n    return x\n", "<prompt>", "exec"), namespace)
    with pytest.raises(InvalidInput, match="in a file or a notebook"):
        source.from_callable(namespace["typed"])


@pytest.mark.parametrize(
    ("name", "published"),
    [("Compute_Sum", "compute_sum"), ("_private", "private"), ("μ", "function"), ("a" * 99, "a" * 64)],
)
def test_names_fit_the_catalog(name: str, published: str) -> None:
    def function() -> None: ...

    function.__name__ = name
    assert source.name_of(function) == published


# ------------------------------------------------------------------------------------------------ modules
class Params(BaseModel):
    low: float = Field(60.0, ge=0, le=200, json_schema_extra={"x-unit": "GeV"})


ANALYSIS = '''"""A spectrum."""
import numpy as np


def analyze(events, params):
    return {}
'''


def test_an_analysis_is_its_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "analysis.py"
    path.write_text(ANALYSIS)
    pieces = source.from_file(path, Params)
    assert pieces.source == ANALYSIS
    assert (pieces.kind, pieces.entrypoint) == (FunctionKind.analysis, "analyze")
    assert pieces.parameters["properties"]["low"]["x-unit"] == "GeV"
    assert source.from_file(path).parameters == {"type": "object", "properties": {}}


def test_an_imported_analysis_brings_its_parameters(tmp_path: Path) -> None:
    path = tmp_path / "analysis_with_params.py"
    path.write_text(ANALYSIS + "\n\nfrom pydantic import BaseModel\n\nclass Params(BaseModel):\n    bins: int = 60\n")
    pieces = source.from_module(_load(path, "analysis_with_params"))
    assert pieces.parameters["properties"]["bins"]["default"] == 60
    path.write_text(ANALYSIS + "\n\nParams = 3\n")
    with pytest.raises(InvalidInput, match="not a pydantic model"):
        source.from_module(_load(path, "analysis_with_params"))


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"def analyze(:", "is not Python"), (b"x = 1", "defines no function 'analyze'"), (b"\xff\xfe", "cannot be read"),
     (b"x = '\0'", "is not Python")],
)  # fmt: skip
def test_a_file_that_is_no_analysis_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "analysis.py"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=says):
        source.from_file(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        source.from_file(tmp_path / "none.py")
