"""The form by which teachers add a record of CERN Open Data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from openbeam_portal.words import en as words
from portal_kit import opened, texts
from support.opendata_portal import OpenDataPortal, listed, running_portal


@pytest.fixture
def cern(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenDataPortal]:
    """Give a portal of CERN Open Data with two records."""
    with running_portal() as served:
        monkeypatch.setenv("OPENBEAM_OPENDATA_API", served.url)
        served.add("7", title="Two *muons*", experiment=["CMS"], date_created=["2011"],
                   license={"attribution": "CC0-1.0"}, files=[listed("mumu.csv", 345)])  # fmt: skip
        served.add("8", title="Tables", files=[listed("a.csv"), listed("b.csv")])
        yield served


@pytest.fixture
def teaching(service: Any) -> Any:
    """Let the person add datasets."""
    service.scopes = (*service.scopes, "datasets:write")
    return service


def looked_up(record: str, **fields: str) -> Any:
    at = opened("data")
    for name, value in {"record": record, **fields}.items():
        at.text_input(key=f"import-{name}").set_value(value)
    return at.button(key="import-look").click().run()


@pytest.mark.usefixtures("service")
def test_students_have_no_such_form() -> None:
    at = opened("data")
    assert not [one for one in at.text_input if one.key == "import-record"]


@pytest.mark.usefixtures("cern")
def test_a_teacher_sees_a_record_and_adds_it(teaching: Any) -> None:
    at = looked_up("7")
    read = texts(at)
    assert at.subheader[0].value == "Two \\*muons\\*"
    for said in ("cms\\-2011\\-7", "read as csv", "CC0\\-1\\.0", "1, 345 bytes"):
        assert said in read, said
    assert "cms-2011-7" not in teaching.datasets
    at.button(key="import-add").click().run()
    assert not at.error
    assert teaching.datasets["cms-2011-7"].files[0].size == 345
    assert at.title[0].value == "Two \\*muons\\*"


@pytest.mark.usefixtures("cern", "teaching")
def test_what_goes_wrong_says_which_field_helps() -> None:
    at = looked_up("8")
    assert "2 CSV files" in at.error[0].value
    assert words.IMPORT_CHOOSE_FILES in texts(at)
    assert "no record 9" in looked_up("9").error[0].value
    at = looked_up("8", files="b.csv", name="cms-2010-zmumu")
    assert "cms\\-2010\\-zmumu" in at.warning[0].value
    at.button(key="import-add").click().run()
    assert "Choose another name" in at.error[0].value


@pytest.mark.usefixtures("cern", "teaching")
def test_a_record_that_is_looked_up_in_vain_leaves_nothing_to_add() -> None:
    at = looked_up("7")
    at.text_input(key="import-record").set_value("nothing")
    at.button(key="import-look").click().run()
    assert "neither the number nor the DOI" in at.error[0].value
    assert not [button for button in at.button if button.key == "import-add"]
