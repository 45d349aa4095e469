"""Texts of others (lessons, titles, tables) are shown whole and harmless."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.models import Lesson
from openbeam_portal.figure.marks import marks_of
from openbeam_portal.figure.table import csv_of
from openbeam_portal.lesson import blocks_of, choose
from openbeam_portal.markdown import plain, tame
from openbeam_portal.record import doi_link, size_text


def test_answers_are_folded_under_their_question() -> None:
    text = "# Title\n\nBefore\n\n<details>\n<summary>Why <b>91</b>?</summary>\n\nBecause.\n\n</details>\n\nAfter"
    assert [tuple(block) for block in blocks_of(text)] == [(None, "Before"), ("Why 91?", "Because."), (None, "After")]


def test_details_within_code_are_code() -> None:
    text = "```html\n<details><summary>a</summary>b</details>\n```\n\nend"
    assert [tuple(block) for block in blocks_of(text)] == [(None, text)]


def test_details_without_summary_and_without_end() -> None:
    assert [tuple(block) for block in blocks_of("<details>hidden</details>")] == [("…", "hidden")]
    assert [tuple(block) for block in blocks_of("<details> never closed")] == [(None, "<details> never closed")]


@given(st.text(alphabet="<details>/umary`\n #x", max_size=300))
def test_no_word_of_a_lesson_is_lost(text: str) -> None:
    kept = "".join((block.title or "") + block.text for block in blocks_of("start\n\n" + text))
    assert kept.count("x") >= text.count("x") - sum(part.count("x") for part in text.split("<")[1:])
    assert kept.startswith("start")


def test_the_readers_language_is_preferred() -> None:
    lessons = [Lesson(language=tongue, title=tongue, markdown="-") for tongue in ("en", "de")]
    assert choose(lessons, "de-AT") is lessons[1]
    assert choose(lessons, "fr-FR") is lessons[0]
    assert choose(lessons[1:], None) is lessons[1]
    assert choose([], "de") is None


def test_pictures_become_links_but_not_in_code() -> None:
    assert tame("![pixel](http://x/p.png) and `![a](b)`") == "[pixel](http://x/p.png) and `![a](b)`"
    assert tame("```\n![a](b)\n```") == "```\n![a](b)\n```"


def test_plain_text_has_no_markdown_left() -> None:
    assert plain("a *b* [c](d)\n:red[e] $f$") == r"a \*b\* \[c\]\(d\) \:red\[e\] \$f\$"


def test_a_doi_is_a_link_and_nothing_else_is() -> None:
    assert doi_link("10.7483/OPENDATA.CMS.X") == r"[10\.7483/OPENDATA\.CMS\.X](https://doi.org/10.7483/OPENDATA.CMS.X)"
    for strange in ("10.7483/x) [win](http://elsewhere.example", "10.7483/x\n", "javascript:alert(1)", "10.1/x"):
        assert "](" not in doi_link(strange)


def numbers(text: str) -> list[list[str]]:
    """Return the cells of a CSV."""
    return list(csv.reader(io.StringIO(text)))


def test_a_table_has_every_bin_the_flow_bins_too() -> None:
    axis = {"type": "regular", "lower": 0, "upper": 2, "bins": 2, "underflow": True, "overflow": True}
    uhi = {
        "axes": [{**axis, "circular": False, "metadata": {"name": "mass"}}],
        "storage": {"type": "double", "values": [1, 4, 9, 0]},
    }
    assert numbers(csv_of(uhi)) == [
        ["mass_low", "mass_high", "content", "error"],
        ["-inf", "0", "1", "1"],
        ["0", "1", "4", "2"],
        ["1", "2", "9", "3"],
        ["2", "inf", "0", "0"],
    ]


def test_a_table_of_names_on_two_axes_and_with_weights() -> None:
    cut = {"type": "category_str", "categories": ["=all", "b"], "flow": False, "metadata": {"name": "cut"}}
    yes = {"type": "boolean", "metadata": {}}
    uhi = {
        "axes": [cut, yes],
        "storage": {"type": "weighted", "values": [[1, 2], [3, 4]], "variances": [[4, 4], [9, 16]]},
    }
    assert numbers(csv_of(uhi)) == [
        ["cut", "axis2", "content", "error"],
        ["'=all", "false", "1", "2"],
        ["'=all", "true", "2", "2"],
        ["b", "false", "3", "3"],
        ["b", "true", "4", "4"],
    ]


def test_a_table_with_missing_bins_is_refused() -> None:
    axis = {"type": "variable", "edges": [0, 1, 2], "underflow": False, "overflow": False, "circular": False}
    with pytest.raises(ValueError, match="shorter"):
        csv_of({"axes": [axis], "storage": {"type": "double", "values": [1]}})


def test_marks_are_read_from_one_text() -> None:
    assert marks_of("3.097 = J/ψ; 91.19=Z ;x=y; 5; 400=far", 1, 300) == [(3.097, "J/ψ"), (91.19, "Z")]


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (178_971, "179.0 kB"), (2.24e9, "2.2 GB")]
)
def test_sizes_as_people_say_them(size: float, text: str) -> None:
    assert size_text(size) == text
