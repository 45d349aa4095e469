"""What one may have, and what should not be used any more: said where people choose what to run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from openbeam.models import Deprecation, Quota, QuotaUse
from openbeam_portal.words import en as words
from portal_kit import opened, texts

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def test_a_quota_is_a_bar_for_each_limit(service: Any) -> None:
    service.quotas = [
        Quota(
            who="you",
            runs=QuotaUse(used=2, limit=50),
            tasks=QuotaUse(used=7, limit=None),
            cpu_seconds=QuotaUse(used=5400, limit=36_000, frees=NOON),
        ),
        Quota(
            who="the class 9_b",
            runs=QuotaUse(used=0, limit=0),
            tasks=QuotaUse(used=1200, limit=1000),
            cpu_seconds=QuotaUse(used=0, limit=None),
        ),
    ]
    at = opened("quota")
    assert [header.value for header in at.subheader] == [words.QUOTA_OWN, "All of the class 9\\_b together"]
    bars = {bar.proto.text: bar.proto.value for bar in at.get("progress")}
    assert bars == {
        "Runs under way: 2 of 50": 4,
        "Hours of CPU time in 24 hours: 1.5 of 10": 15,
        "Runs under way: 0 of 0": 100,
        "Calls under way: 1,200 of 1,000": 100,
    }
    read = texts(at)
    assert "Calls under way: 7, without a limit" in read
    assert [caption.value for caption in at.caption] == ["Some of it frees on 1 March 2026, 12:00."]


@pytest.mark.usefixtures("service")
def test_what_is_not_deprecated_says_nothing_of_it() -> None:
    assert words.DEPRECATED not in texts(opened())
    assert not opened("analysis", function="z_mumu").warning


@pytest.mark.parametrize(("successor", "instead"), [("z_mumu@4", " Use z\\_mumu@4 instead."), (None, "")])
def test_what_is_deprecated_says_why_in_the_catalog_and_on_its_page(
    service: Any, successor: str | None, instead: str
) -> None:
    old = Deprecation(reason="It counts *some* muons twice.", successor=successor, since=NOON)
    service.functions["z_mumu"] = service.functions["z_mumu"].model_copy(update={"deprecated": old})
    sentence = f"It counts \\*some\\* muons twice\\.{instead}"
    card, page = opened(), opened("analysis", function="z_mumu")
    assert words.DEPRECATED in texts(card)
    assert sentence in [caption.value for caption in card.caption]
    assert [warning.value for warning in page.warning] == [sentence]
    links = [link.proto.label for link in page.get("page_link")]
    assert links == (["Go to z\\_mumu@4"] if successor else [])
    assert page.button(key="run-button").label == words.RUN
