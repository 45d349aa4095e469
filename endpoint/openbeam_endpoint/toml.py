"""TOML files that explain themselves, and are changed by people and by commands: what is not changed stays as it is."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import tomlkit
from openbeam.models import Model

__all__ = ["change", "described", "lines", "replace"]

_KEY: Final = re.compile(r"^\s*([A-Za-z0-9_-]+)\s*=")
_TABLE: Final = re.compile(r"^[ \t]*\[([A-Za-z0-9_.-]+)\][^\n]*(?:\n|\Z)", re.MULTILINE)


def lines(text: str) -> dict[str, int]:
    """Return the line of each key, named with its table (``provider.kind``), and of each table."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.split("\n"), start=1):
        if match := _TABLE.match(line):
            table = f"{match[1]}."
            found[match[1]] = number
        elif match := _KEY.match(line):
            found[f"{table}{match[1]}"] = number
    return found


def described(settings: Model) -> str:
    """Return the settings as text, each below its description; one that is not set is a comment, a model is a table."""
    written: list[str] = []
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        if not isinstance(value, Model):
            written += [f"# {line}" for line in (field.description or "").splitlines()]
            written += [f"# {key} =" if value is None else f"{key} = {_value(value)}", ""]
    text = "\n".join(written)
    for key, value in settings:
        if isinstance(value, Model):
            text = replace(text, key, described(value))
    return text


def change(text: str, changed: Mapping[str, Any], table: str = "") -> str:
    """Return the text with other values for some keys of a table that is there, or of none."""
    (section,) = [section for section in _sections(text) if section.name == table]
    return text[: section.body] + _changed(text[section.body : section.end], changed) + text[section.end :]


def replace(text: str, table: str, body: str) -> str:
    """Return the text with this table at its end, and no other of its name."""
    kept = [
        text[section.start : section.end]
        for section in _sections(text)
        if section.name != table and not section.name.startswith(f"{table}.")
    ]
    return f"{''.join(kept).rstrip()}\n\n[{table}]\n{body}"


class _Section(NamedTuple):
    name: str
    start: int
    body: int
    end: int


def _sections(text: str) -> list[_Section]:
    """Return the tables of a file, and first what is above them."""
    heads = [("", 0, 0), *((match[1], match.start(), match.end()) for match in _TABLE.finditer(text))]
    ends = [start for _, start, _ in heads[1:]] + [len(text)]
    return [_Section(*head, end) for head, end in zip(heads, ends, strict=True)]


def _changed(text: str, changed: Mapping[str, Any]) -> str:
    missing = [key for key in changed if key not in tomllib.loads(text)]
    for key in missing:
        line = f"{key} = {_value(changed[key])}"
        # In the place of the comment that stands for it, below what it is for.
        commented = re.compile(rf"^# {key} =.*$", re.MULTILINE)
        text, found = commented.subn(line.replace("\\", r"\\"), text, count=1)
        text += "" if found else f"\n{line}\n"
    document = tomlkit.parse(text)
    for key in changed.keys() - missing:
        document[key] = tomlkit.value(_value(changed[key]))
    return tomlkit.dumps(document)


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{json.dumps(key)} = {_value(each)}' for key, each in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(_value(each) for each in value)}]"
    # JSON's strings, numbers and booleans are TOML's, but for pairs of surrogates and a DEL as it is.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
