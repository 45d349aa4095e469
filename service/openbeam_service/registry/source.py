"""Looks at the source of a function without running any of it."""

from __future__ import annotations

import ast

from openbeam.errors import InvalidInput, nearest

__all__ = ["check_source"]


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
