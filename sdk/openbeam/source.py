"""A function as it leaves its author's machine: source text and a schema; where somebody asks for it, a pickle.

Pickles are only ever made here. Nothing but an engine opens one.
"""

from __future__ import annotations

import ast
import base64
import builtins
import hashlib
import inspect
import re
import symtable
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from pydantic import BaseModel

from openbeam.errors import InvalidInput
from openbeam.models import CodeFormat, FunctionKind
from openbeam.signature import docstring_of, parameters_from

__all__ = [
    "Source",
    "description_of",
    "from_callable",
    "from_file",
    "from_module",
    "from_pickle",
    "name_of",
    "parameters_of",
    "sha256",
]

_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}
# Names that a module has without anybody's doing.
_GIVEN = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}

_LONGEST_DOCSTRING = 20_000
_LONGEST_DESCRIPTION = 4_000

# Calling one of these returns no result yet.
_UNFIT = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


def sha256(text: str) -> str:
    """Return the digest of a source text, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Source:
    """The pieces of a ``FunctionSpec`` that come from code."""

    kind: FunctionKind
    source: str
    entrypoint: str
    parameters: dict[str, Any]
    docstring: str = ""
    format: CodeFormat = CodeFormat.source
    python: str = ""

    @property
    def sha256(self) -> str:
        """Digest of the text."""
        return sha256(self.source)

    def fields(self) -> dict[str, Any]:
        """Return the pieces by the names that ``FunctionSpec`` gives them."""
        return {
            "kind": self.kind,
            "source": self.source,
            "entrypoint": self.entrypoint,
            "parameters": self.parameters,
            "docstring": self.docstring[:_LONGEST_DOCSTRING],
            "format": self.format,
            "python": self.python,
        }


def parameters_of(params: type[BaseModel] | None) -> dict[str, Any]:
    """Return the JSON Schema of a ``Params`` class; without one, that of no parameters."""
    return dict(_NO_PARAMETERS) if params is None else params.model_json_schema()


# ------------------------------------------------------------------------------------------------ modules
def from_file(path: str | Path, params: type[BaseModel] | None = None, *, entrypoint: str = "analyze") -> Source:
    """Return the pieces of an analysis that is a module of its own. The file is read, not imported.

    Raises
    ------
    InvalidInput
        When it is not Python, or has no such entrypoint.

    """
    try:
        text = Path(path).read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.", field="source") from error
    except (SyntaxError, ValueError) as error:
        raise InvalidInput(f"{path} is not Python: {error}.", field="source") from error
    if not any(isinstance(node, ast.FunctionDef) and node.name == entrypoint for node in tree.body):
        raise InvalidInput(f"{path} defines no function {entrypoint!r}.", field="entrypoint")
    return Source(FunctionKind.analysis, text, entrypoint, parameters_of(params))


def from_module(module: ModuleType, *, entrypoint: str = "analyze") -> Source:
    """Return the pieces of an imported analysis, its ``Params`` among them.

    Raises
    ------
    InvalidInput
        When it has no file, no such entrypoint, or a ``Params`` that is no pydantic model.

    """
    if not module.__file__:
        raise InvalidInput(f"{module.__name__} has no file to read its source from.", field="source")
    params = getattr(module, "Params", None)
    if params is not None and not (isinstance(params, type) and issubclass(params, BaseModel)):
        raise InvalidInput(f"{module.__name__}.Params is not a pydantic model.", field="parameters")
    return from_file(module.__file__, params, entrypoint=entrypoint)


# ------------------------------------------------------------------------------------------------ callables
def from_callable(function: Callable[..., Any]) -> Source:
    """Return the pieces of a plain function: its text, as a module that holds nothing else.

    Raises
    ------
    InvalidInput
        When the text cannot stand alone. The message says what to do.

    """
    plain = _checked_kind(function)
    text = _text_of(plain)
    node = _definition(text, plain.__name__)
    if node.decorator_list:
        raise _refusal(plain.__name__, "is decorated", "Register the function under the decorator, without it")
    outside = sorted(set(_names_from_outside(text)) - {plain.__name__})
    if outside:
        names = ", ".join(outside)
        raise _refusal(plain.__name__, f"uses {names} from outside itself", "Import or define that inside the function")
    return Source(FunctionKind.plain, text, plain.__name__, parameters_from(plain), docstring_of(plain))


def from_pickle(function: Callable[..., Any]) -> Source:
    """Return the pieces of a plain function as pickled code: for lambdas, closures, and what else has no text.

    Raises
    ------
    InvalidInput
        When it cannot be pickled.

    """
    import cloudpickle  # few need it

    if not callable(function) or any(unfit(function) for unfit in _UNFIT):
        raise _refusal(repr(function)[:80], "is no ordinary function", "Write one that returns its result")
    try:
        code = cloudpickle.dumps(function)
    except Exception as error:
        raise InvalidInput(f"{name_of(function)} cannot be pickled: {error}.", field="source") from error
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    entrypoint = name_of(function).replace("-", "_")
    entrypoint = entrypoint if entrypoint.isidentifier() else f"f_{entrypoint}"
    return Source(
        FunctionKind.plain,
        base64.b64encode(code).decode("ascii"),
        entrypoint,
        dict(_NO_PARAMETERS),
        docstring_of(function),
        CodeFormat.pickle,
        python,
    )


def name_of(function: Callable[..., Any]) -> str:
    """Return the name under which a function is published when its author gives none."""
    name = str(getattr(function, "__name__", type(function).__name__))
    return re.sub(r"[^a-z0-9_-]+", "_", name.lower()).lstrip("_-")[:64] or "function"


def description_of(function: Callable[..., Any]) -> str:
    """Return the first paragraph of a function's docstring."""
    return docstring_of(function).split("\n\n")[0].strip()[:_LONGEST_DESCRIPTION]


def _refusal(name: str, what: str, remedy: str) -> InvalidInput:
    return InvalidInput(f"{name} {what}, so its text cannot run elsewhere. {remedy}.", field="source")


def _checked_kind(function: Callable[..., Any]) -> FunctionType:
    name = str(getattr(function, "__name__", type(function).__name__))
    if not isinstance(function, FunctionType):
        raise _refusal(name, "is not a function written in Python", "Wrap it in one: def f(x): return …")
    if name == "<lambda>":
        raise _refusal("A lambda", "has no text of its own", "Write it with def")
    if function.__closure__:
        names = ", ".join(function.__code__.co_freevars)
        raise _refusal(name, f"uses {names} of the function around it", "Pass that as an argument")
    if any(unfit(function) for unfit in _UNFIT):
        raise _refusal(name, "is a coroutine or a generator", "Write an ordinary function that returns its result")
    return function


def _text_of(function: FunctionType) -> str:
    try:
        return textwrap.dedent(inspect.getsource(function))
    except (OSError, TypeError) as error:
        remedy = "Define it in a file or a notebook, not at the prompt"
        raise _refusal(function.__name__, "has no source text to be found", remedy) from error


def _definition(text: str, name: str) -> ast.FunctionDef:
    try:
        body = ast.parse(text).body
    except SyntaxError as error:
        raise _refusal(name, "cannot be cut out of its file", "Define it at the left margin of the file") from error
    if len(body) == 1 and isinstance(body[0], ast.FunctionDef) and body[0].name == name:
        return body[0]
    raise _refusal(name, "is not written as one def", "Write it as a def of that name")


def _names_from_outside(text: str) -> Iterator[str]:
    """Yield the names that the text looks up in its module and that nobody put there."""
    top = symtable.symtable(text, "<function>", "exec")
    defined = {symbol.get_name() for symbol in top.get_symbols() if symbol.is_assigned() or symbol.is_imported()}
    tables = [top]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        for symbol in table.get_symbols():
            name = symbol.get_name()
            looked_up = symbol.is_referenced() and (symbol.is_global() or table is top)
            if looked_up and name not in defined and name not in _GIVEN:
                yield name
