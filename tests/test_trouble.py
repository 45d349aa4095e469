"""Trouble as people meet it in the started stack: one sentence, where they look, and all is well again afterwards."""

from __future__ import annotations

import pytest
from openbeam import Client, errors
from openbeam.models import FunctionKind, FunctionSpec
from openbeam.states import RunState
from openbeam_portal.words import en as words
from playwright.sync_api import BrowserContext, expect
from support.stack import Stack

ANALYSIS = """\
from hist import Hist


def analyze(events, params):
    return {"mass": Hist.new.Reg(10, 0, 1, name="mass").Double()}
"""
# The bound itself is on the slider, and only the service says that it is not a value.
SCHEMA = {
    "type": "object",
    "properties": {
        "share": {"type": "number", "title": "Share of energy", "minimum": 0, "exclusiveMaximum": 1, "default": 0.5}
    },
}


@pytest.fixture
def bounded(operator: Client) -> str:
    """Publish an analysis with an open bound."""
    spec = FunctionSpec(
        name="bounded",
        kind=FunctionKind.analysis,
        source=ANALYSIS,
        entrypoint="analyze",
        parameters=SCHEMA,
        datasets=["cms-2010-zmumu"],
        visibility="public",
    )
    return operator.publish_function(spec).name


@pytest.mark.browser
def test_a_parameter_out_of_range_is_named_on_the_form(stack: Stack, student: BrowserContext, bounded: str) -> None:
    page = student.new_page()
    page.goto(f"{stack.portal_url}/analysis?function={bounded}")
    slider = page.get_by_role("slider", name="Share of energy")
    slider.focus()
    slider.press("End")
    expect(slider).to_have_value("1")
    page.get_by_role("button", name=words.RUN, exact=True).click()
    message = page.get_by_test_id("stAlert")
    expect(message).to_contain_text("Share of energy: must be less than 1.")
    assert "run=" not in page.url

    # The same without a form: the service's own answer.
    with stack.client() as client, pytest.raises(errors.InvalidParameter) as caught:
        client.submit_run(bounded, "cms-2010-zmumu", params={"share": 1})
    assert caught.value.status == 422
    assert caught.value.details == {"parameter": "share", "reason": "must be less than 1"}


@pytest.mark.browser
def test_without_its_service_the_portal_says_so_and_recovers(stack: Stack, student: BrowserContext) -> None:
    page = student.new_page()
    page.goto(stack.portal_url)
    expect(page.get_by_role("heading", name=words.CATALOG_TITLE)).to_be_visible()
    with stack.without_service():
        page.get_by_role("link", name=words.MY_RUNS).click()
        expect(page.get_by_text(words.SERVICE_AWAY)).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_have_count(1)
    page.get_by_role("button", name=words.TRY_AGAIN).click()
    expect(page.get_by_role("heading", name=words.RUNS_TITLE)).to_be_visible()
    expect(page.get_by_text(words.SERVICE_AWAY)).to_have_count(0)


def test_without_the_service_programs_say_so_in_one_sentence_and_recover(stack: Stack, operator: Client) -> None:
    with stack.without_service():
        with pytest.raises(errors.ServiceUnavailable) as caught:
            operator.functions()
        assert stack.url in str(caught.value)
        assert "\n" not in str(caught.value)
        done = stack.run_tool("openbeam", "functions")
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.strip().splitlines() == [f"error: {caught.value}"]
    assert "z_mumu" in {function.name for function in operator.functions()}
    # The agent, too, has found its service again.
    run = operator.submit_run("z_mumu", "cms-2010-zmumu", fresh=True)
    assert run.wait(60).state is RunState.complete
