"""The page of data: what there is, one record, and the analyses that look at it."""

from __future__ import annotations

from typing import Any

import pytest
from openbeam_portal.words import en as words
from portal_kit import opened, texts
from portal_samples import dataset


@pytest.fixture
def shelf(service: Any) -> Any:
    """Add to the one dataset there is two of another experiment."""
    for name, title, simulated in (
        ("lhcb-b", "Beauty in three", False),
        ("lhcb-toy", "Beauty without a detector", True),
    ):
        service.datasets[name] = dataset(name, title=title, experiment="LHCb", simulated=simulated)
    return service


def cards(at: Any) -> list[str]:
    """Return the names of the datasets that have a card."""
    return [caption.value.split()[0].replace("\\", "") for caption in at.caption]


@pytest.mark.usefixtures("shelf")
def test_each_dataset_has_a_card() -> None:
    at = opened("data")
    assert at.title[0].value == words.DATA_TITLE
    assert cards(at) == ["cms-2010-zmumu", "lhcb-b", "lhcb-toy"]
    assert texts(at).count("2,304 events · 179.0 kB") == 3
    assert texts(at).count(words.SIMULATED.lower()) == 1


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "BEAUTY detector"}, ["lhcb-toy"]),
        ({"q": "cms-2010"}, ["cms-2010-zmumu"]),
        ({"experiment": "LHCb"}, ["lhcb-b", "lhcb-toy"]),
        ({"experiment": "LHCb", "q": "three"}, ["lhcb-b"]),
        ({"q": "axion"}, []),
    ],
    ids=str,
)
def test_words_and_experiment_narrow_it_down(query: dict[str, str], expected: list[str]) -> None:
    at = opened("data", **query)
    assert cards(at) == expected
    assert [info.value for info in at.info] == ([] if expected else [words.NOTHING_FOUND.format(search="axion")])


@pytest.mark.usefixtures("shelf")
def test_a_record_says_what_it_is_and_who_looks_at_it() -> None:
    at = opened("data", dataset="cms-2010-zmumu")
    assert at.title[0].value == "Events with two muons near the Z"
    assert at.subheader[-1].value == words.LOOKED_AT_BY
    assert "Beauty" not in texts(at)
    assert words.LOOKED_AT_BY not in texts(opened("data", dataset="lhcb-b"))


@pytest.mark.usefixtures("shelf")
def test_a_dataset_that_is_not_there_leads_to_all() -> None:
    assert len(cards(opened("data", dataset="gone"))) == 3
