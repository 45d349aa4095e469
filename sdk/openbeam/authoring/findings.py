"""What the texts of an analysis say before anything is run: docstrings, parameters, the shape of its lessons."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from openbeam.authoring.folder import ENTRYPOINT, Folder
from openbeam.lessons import FOLDED, HEADINGS, sections_of
from openbeam.models import Lesson

__all__ = ["Finding", "of_lessons", "of_parameters", "of_texts"]

_TO_WRITE: Final = "TODO"
_LONGEST_IN_CLASS: Final = 200
"""Lines of source that can be read in a lesson."""
_LOWER: Final = ("minimum", "exclusiveMinimum")
_UPPER: Final = ("maximum", "exclusiveMaximum")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    good: bool
    what: str
    """What is so, in a line; where it is not good, with what to do."""


def _of(subject: str, good: str, bad: Sequence[str]) -> Iterator[Finding]:
    """Yield a finding a fault; without any, one that says what is good."""
    if not bad:
        yield Finding(good=True, what=f"{subject}: {good}")
    for fault in bad:
        yield Finding(good=False, what=f"{subject}: {fault}")


# ------------------------------------------------------------------------------------------------ texts
def of_texts(folder: Folder) -> Iterator[Finding]:
    """Look at ``analysis.py`` and ``meta.toml``."""
    lines = len(folder.source.splitlines())
    yield from _of("analysis.py", f"{lines} lines, with docstrings", list(_of_source(folder.source, lines)))
    open_points = [
        f"{field} still says {_TO_WRITE}. Write it."
        for field, text in folder.meta.model_dump(mode="json").items()
        if _TO_WRITE in str(text)
    ]
    yield from _of("meta.toml", f"“{folder.meta.title}”, for {', '.join(folder.meta.datasets)}", open_points)


def _of_source(source: str, lines: int) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        yield f"it is not Python: {error}."
        return
    defined = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    if ENTRYPOINT not in defined:
        yield f"it defines no function {ENTRYPOINT}(events, params)."
    named: Mapping[str, ast.Module | ast.FunctionDef | ast.ClassDef] = {"the file": tree, **defined}
    for name in ("the file", ENTRYPOINT, "Params"):
        if name in named and not ast.get_docstring(named[name]):
            yield f"{name} has no docstring. Say in one line what it is."
    if lines > _LONGEST_IN_CLASS:
        yield f"it has {lines} lines, too many to be read in class. Make it shorter than {_LONGEST_IN_CLASS}."
    if _TO_WRITE in source:
        yield f"it still says {_TO_WRITE}. Write it, or take it out."


# ------------------------------------------------------------------------------------------------ parameters
def of_parameters(schema: Mapping[str, Any]) -> Iterator[Finding]:
    """Look at the JSON Schema of the parameters: each has words, and a number a range and a unit."""
    found = schema.get("properties", {})
    faults = [f"{name} {fault}" for name, one in found.items() for fault in _of_parameter(one)]
    good = f"{', '.join(found)}, with words, units and ranges" if found else "there are none"
    yield from _of("parameters", good, faults)


def _of_parameter(one: Mapping[str, Any]) -> Iterator[str]:
    if not one.get("description"):
        yield 'has no description. Give its Field a description="…", for people who use the form.'
    if "default" not in one:
        yield "has no default. Give it one, so that the analysis runs as it is."
    if one.get("type") in {"integer", "number"}:
        if not (one.keys() & set(_LOWER) and one.keys() & set(_UPPER)):
            yield "has no range. Give its Field ge=… and le=…, for the ends of its slider."
        if "x-unit" not in one:
            yield 'has no unit. Give its Field json_schema_extra={"x-unit": "GeV"}, or "" where it has none.'
    if one.get("type") == "string" and not one.keys() & {"enum", "const", "pattern", "maxLength"}:
        yield "takes any text. Make it a choice: Literal[…]."


# ------------------------------------------------------------------------------------------------ lessons
def of_lessons(folder: Folder) -> Iterator[Finding]:
    """Look at each lesson: its sections in their order, folded answers, nothing left to write."""
    english = next((one for one in folder.lessons if one.language == "en"), None)
    if not folder.lessons:
        yield Finding(good=False, what='lessons: meta.toml names none. Add [lessons] with en = "its title".')
    for lesson in folder.lessons:
        sections, answers = _counts(lesson)
        faults = [*_of_sections(lesson), *_of_words(lesson), *(_of_translation(lesson, english) if english else ())]
        good = f"{sections} sections, {answers} folded {'answer' if answers == 1 else 'answers'}"
        yield from _of(f"lesson.{lesson.language}.md", good, faults)


def _counts(lesson: Lesson) -> tuple[int, int]:
    """Return how many sections and how many folded answers a lesson has."""
    return len(sections_of(lesson.markdown)), len(FOLDED.findall(lesson.markdown))


def _of_sections(lesson: Lesson) -> Iterator[str]:
    headings = HEADINGS.get(lesson.language)
    if headings is None:
        return
    sections = [heading for heading, _ in sections_of(lesson.markdown)]
    for wanted in headings.sections:
        if wanted not in sections:
            yield f"it has no section “{wanted}”. Add the line: ## {wanted}"
    known = [section for section in sections if section in headings.sections]
    if known != sorted(known, key=headings.sections.index):
        yield f"its sections are in another order than {', '.join(headings.sections)}."


def _of_translation(lesson: Lesson, english: Lesson) -> Iterator[str]:
    for what, here, there in zip(("sections", "folded answers"), _counts(lesson), _counts(english), strict=True):
        if here != there:
            yield f"{what}: {here} here, {there} in the English lesson."


def _of_words(lesson: Lesson) -> Iterator[str]:
    if not FOLDED.search(lesson.markdown):
        word = HEADINGS.get(lesson.language, HEADINGS["en"]).answer
        yield f"it has no folded answer. Put one between <details><summary>{word}</summary> and </details>."
    left = sum(_TO_WRITE in line for line in lesson.markdown.splitlines())
    if left:
        yield f"{left} {'line says' if left == 1 else 'lines say'} {_TO_WRITE} still. Write them, or take them out."
