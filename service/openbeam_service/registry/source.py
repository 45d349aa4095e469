"""Looks at the code of a function without running any of it. Pickled code is not looked into at all."""

from __future__ import annotations

import ast
import base64
import binascii

from openbeam.errors import InvalidInput, nearest
from openbeam.models import CodeFormat, FunctionSpec

__all__ = ["check_source", "checked_code", "code_of"]


def checked_code(spec: FunctionSpec) -> bytes:
    """Return the bytes of what an author publishes: those whose SHA-256 is the function's.

    Raises
    ------
    InvalidInput
        When it is not Python that defines its entrypoint, or not base64.

    """
    if spec.format is CodeFormat.source:
        check_source(spec.source, spec.entrypoint)
    return code_of(spec.format, spec.source)


def code_of(format_: CodeFormat, source: str) -> bytes:
    """Return the bytes of a function's code.

    Raises
    ------
    InvalidInput
        When pickled code is not base64, or a text is not Unicode.

    """
    try:
        return source.encode() if format_ is CodeFormat.source else base64.b64decode(source, validate=True)
    except (binascii.Error, ValueError) as error:
        what = "text" if format_ is CodeFormat.source else "base64"
        raise InvalidInput(f"The source is not {what}: {error}.", field="source") from error


def check_source(source: str, entrypoint: str) -> None:
    """Check that a source text is Python, and that it defines its entrypoint at top level.

    Raises
    ------
    InvalidInput
        Naming the line that is not Python, or the names that the source does define.

    """
    tree = _parse(source)
    defined = {name for node in tree.body for name in _names(node)}
    if entrypoint in defined:
        return
    close = nearest(entrypoint, defined)
    hint = f" Did you mean {' or '.join(close)}?" if close else ""
    raise InvalidInput(
        f"The source defines no {entrypoint!r} at top level.{hint}", field="entrypoint", name=entrypoint, nearest=close
    )


def _parse(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        line = error.lineno or 0
        raise InvalidInput(
            f"The source is not Python: line {line}: {error.msg}.",
            field="source",
            line=line,
            code=(error.text or "").strip()[:200],
        ) from error
    except ValueError as error:
        raise InvalidInput(f"The source is not Python: {error}.", field="source") from error
    except (RecursionError, MemoryError) as error:
        raise InvalidInput("The source is nested too deeply to be read.", field="source") from error


def _names(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr()):
            return [name]
        case _:
            return []
