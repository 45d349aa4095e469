"""Lessons say what their analysis does, and a translation says what the English lesson says."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

import pytest
from openbeam.lessons import FOLDED, HEADINGS, sections_of
from openbeam.models import FunctionSpec, Lesson
from openbeam_catalog.catalog import load_catalog
from openbeam_datasets.record import load_record

SPECS = {spec.name: spec for spec in load_catalog()}
LESSONS = [
    pytest.param(spec, lesson, id=f"{name}.{lesson.language}")
    for name, spec in SPECS.items()
    for lesson in spec.lessons
]
TRANSLATIONS = [param for param in LESSONS if not str(param.id).endswith(".en")]
FLAGSHIPS = ("dimuon_spectrum", "higgs_4l", "jpsi_mumu", "w_transverse_mass", "z_mumu")

LINK: Final = re.compile(r"https?://[^\s<>]+")
SETTING: Final = re.compile(r"(?<!\*)\*([^*\n]+)\*(?!\*)")
TITLE: Final = re.compile(r"\*\*([^*]+)\*\*")
NUMBER: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?")
STEP: Final = re.compile(r"^\d\. ", re.MULTILINE)
ENGLISH: Final = re.compile(r"\b(?:the|of|and|with|which|that|this|from|what|are|is|it|to|by|others)\b", re.IGNORECASE)
"""Words that none of the other languages has."""

each = pytest.mark.parametrize(("spec", "lesson"), LESSONS)
each_translation = pytest.mark.parametrize(("spec", "lesson"), TRANSLATIONS)


def english_of(spec: FunctionSpec) -> Lesson:
    (lesson,) = [lesson for lesson in spec.lessons if lesson.language == "en"]
    return lesson


def parts(lesson: Lesson) -> dict[str, str]:
    """Return the sections of a lesson by what they are called in ``Headings``."""
    names = [name for name in HEADINGS["en"]._fields if name not in {"language", "answer"}]
    return dict(zip(names, (text for _, text in sections_of(lesson.markdown)), strict=True))


def steps(lesson: Lesson) -> list[str]:
    """Return what to try, step by step."""
    return STEP.split(parts(lesson)["to_try"])[1:]


def numbers(text: str, language: str) -> Counter[str]:
    """Return the numbers of a text, however its language groups the digits and marks the decimals."""
    text = LINK.sub("", text)
    if language == "en":
        return Counter(NUMBER.findall(re.sub(r"(?<=[0-9]),(?=[0-9]{3}\b)", "", text)))
    text = re.sub(r"(?<=[0-9])\u202f(?=[0-9]{3}\b)", "", text)
    return Counter(NUMBER.findall(re.sub(r"(?<=[0-9]),(?=[0-9])", ".", text)))


# ------------------------------------------------------------------------------------------------ every lesson
@each
def test_a_lesson_has_all_its_sections_in_its_language(spec: FunctionSpec, lesson: Lesson) -> None:
    assert lesson.title
    assert lesson.title != spec.name
    assert [heading for heading, _ in sections_of(lesson.markdown)] == list(HEADINGS[lesson.language].sections)
    assert not re.search(r"^# ", lesson.markdown, re.MULTILINE)


@each
def test_a_lesson_names_every_slider_and_cites_its_data(spec: FunctionSpec, lesson: Lesson) -> None:
    for field in spec.parameters["properties"].values():
        assert f"**{field['title']}**" in lesson.markdown
    for name in spec.datasets:
        assert load_record(name).link in parts(lesson)["data"]


@each
def test_a_lesson_folds_its_answers(spec: FunctionSpec, lesson: Lesson) -> None:
    del spec
    questions = parts(lesson)["questions"]
    asked = re.findall(r"^\*\*.+\*\*$", questions, re.MULTILINE)
    folded = [match for match in FOLDED.finditer(questions) if re.fullmatch(r"\n\n.+\n\n", match["text"], re.DOTALL)]
    assert {match["word"] for match in folded} == {HEADINGS[lesson.language].answer}
    assert len(asked) == len(folded) >= 3
    assert lesson.markdown.count("<details>") == lesson.markdown.count("</details>") == len(folded)


@each
def test_a_lesson_sets_only_what_can_be_set(spec: FunctionSpec, lesson: Lesson) -> None:
    """In what to try, settings are written in italics; they must be among the choices."""
    fields = spec.parameters["properties"].values()
    choices = {str(value) for field in fields for value in field.get("enum", [])}
    settings = set(SETTING.findall(parts(lesson)["to_try"]))
    assert settings
    assert settings <= choices


# ------------------------------------------------------------------------------------------------ translations
def test_the_flagships_are_in_every_language() -> None:
    for name in FLAGSHIPS:
        assert {lesson.language for lesson in SPECS[name].lessons} == set(HEADINGS)
        assert len({lesson.title for lesson in SPECS[name].lessons}) == len(HEADINGS)


@each_translation
def test_a_translation_says_the_same_numbers_and_links_in_each_section(spec: FunctionSpec, lesson: Lesson) -> None:
    english = parts(english_of(spec))
    for name, text in parts(lesson).items():
        assert numbers(text, lesson.language) == numbers(english[name], "en"), name
        assert LINK.findall(text) == LINK.findall(english[name]), name


@each_translation
def test_a_translation_asks_for_the_same_settings_step_by_step(spec: FunctionSpec, lesson: Lesson) -> None:
    english = steps(english_of(spec))
    assert len(steps(lesson)) == len(english)
    for here, there in zip(steps(lesson), english, strict=True):
        assert set(SETTING.findall(here)) == set(SETTING.findall(there)), there
        assert set(TITLE.findall(here)) == set(TITLE.findall(there)), there
        assert set(re.findall(r"`[^`]+`", here)) == set(re.findall(r"`[^`]+`", there)), there


@each_translation
def test_a_translation_answers_every_question_with_the_same_numbers(spec: FunctionSpec, lesson: Lesson) -> None:
    here, there = (FOLDED.findall(parts(one)["questions"]) for one in (lesson, english_of(spec)))
    for (_, ours), (_, theirs) in zip(here, there, strict=True):
        assert numbers(ours, lesson.language) == numbers(theirs, "en"), theirs


@each_translation
def test_a_translation_leaves_no_english_but_names_and_titles(spec: FunctionSpec, lesson: Lesson) -> None:
    """What the page shows in English (sliders, choices, titles of papers and records) is bold or in italics."""
    shown = {str(field["title"]) for field in spec.parameters["properties"].values()}
    text = TITLE.sub(lambda match: "" if match[1] in shown else match[1], LINK.sub("", lesson.markdown))
    prose = SETTING.sub("", re.sub(r"`[^`]+`|\*\*", "", re.sub(r"\n(?!\n)", " ", text)))
    assert ENGLISH.findall(prose) == []
