"""The pages, for those who are signed in and those who are not, with a service and without."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from openbeam.models import FunctionKind, Lesson, TaskProblem
from openbeam.states import RunState
from openbeam_portal.asgi import auth_of
from openbeam_portal.settings import Settings
from openbeam_portal.words import en as words
from portal_kit import components, opened, person, texts
from streamlit.runtime.secrets import secrets_singleton


@pytest.fixture
def issuer() -> Iterator[None]:
    """Let the portal know where people sign in."""
    settings = Settings("http://127.0.0.1:1", "http://127.0.0.1:2", None, "s" * 40, "c" * 48)
    secrets_singleton.merge_programmatic_secrets({"auth": auth_of(settings)})
    yield
    secrets_singleton.merge_programmatic_secrets({"auth": {}})


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, unused_port: int) -> None:
    """Let the portal look for a service that is not there."""
    monkeypatch.setenv("OPENBEAM_URL", f"http://127.0.0.1:{unused_port}")


# ------------------------------------------------------------------------------------------------ doors
def test_strangers_read_what_this_is_and_may_sign_in(service: Any) -> None:
    at = opened(user={"is_logged_in": False})
    assert at.title[0].value == words.WELCOME_TITLE
    assert at.button(key="sign-in").label == words.SIGN_IN
    assert service.functions["z_mumu"].title not in texts(at)


@pytest.mark.usefixtures("service")
def test_a_person_without_a_token_is_a_stranger() -> None:
    # A client without a token would take the machine's own, which is the operator's.
    assert opened(user=person(tokens={})).title[0].value == words.WELCOME_TITLE


@pytest.mark.usefixtures("service")
def test_a_sign_in_that_could_not_begin_says_so() -> None:
    at = opened(user={"is_logged_in": False}, problem="service")
    assert at.error[0].value == words.SIGN_IN_AWAY


@pytest.mark.usefixtures("nowhere")
@pytest.mark.parametrize("page", ["catalog", "runs", "analysis"])
def test_a_service_that_is_down_is_one_plain_sentence(page: str) -> None:
    at = opened(page, function="z_mumu")
    assert [error.value for error in at.error] == [words.SERVICE_AWAY]
    assert at.button(key="try-again").label == words.TRY_AGAIN


@pytest.mark.usefixtures("service", "issuer")
def test_an_old_token_that_is_refused_leads_to_sign_in_once() -> None:
    at = opened(user=person(tokens={"access": "revoked"}))
    assert at.info[0].value == words.SIGNING_IN_AGAIN


@pytest.mark.usefixtures("service")
def test_a_fresh_token_that_is_refused_does_not_go_round_for_ever() -> None:
    at = opened(user=person(tokens={"access": "revoked"}, iat=time.time()))
    assert at.error[0].value == words.REFUSED
    assert not at.info


# ------------------------------------------------------------------------------------------------ catalog
def test_the_catalog_has_a_card_for_each_analysis(service: Any) -> None:
    functions = service.functions
    functions["plain"] = functions["z_mumu"].model_copy(update={"kind": FunctionKind.plain, "title": "No page"})
    at = opened()
    assert at.title[0].value == words.CATALOG_TITLE
    read = texts(at)
    assert "Find the Z boson in pairs of muons\\." in read
    assert "Then more words" not in read
    assert "No page" not in read


def test_first_lessons_come_first_and_benchmarks_last_and_a_topic_can_be_chosen(service: Any) -> None:
    one = service.functions["z_mumu"]
    tags = {f"about {name}": ["jets", "first-lesson" if name > "c" else "adl-benchmark"] for name in "abcdef"}
    service.functions |= {
        text: one.model_copy(update={"name": text[-1], "title": text, "description": text, "tags": tags[text]})
        for text in tags
    }
    page = opened()
    read, chosen = texts(page), texts(opened(topic="jets"))
    assert sorted(tags, key=read.index) == [f"about {name}" for name in "defabc"]
    assert page.button_group(key="topic").options == ["first-lesson", "jets", "adl-benchmark"]
    assert "Find the Z boson" in read
    assert "Find the Z boson" not in chosen
    assert all(text in chosen for text in tags)


@pytest.mark.usefixtures("service")
def test_the_search_box_asks_the_service() -> None:
    at = opened(q="higgs")
    assert at.text_input(key="q").value == "higgs"
    assert "higgs" in at.info[0].value
    at.text_input(key="q").set_value("boson").run()
    assert not at.info


def test_an_empty_catalog_says_how_to_fill_it(service: Any) -> None:
    service.functions.clear()
    assert opened().info[0].value == words.NOTHING_YET


# ------------------------------------------------------------------------------------------------ analysis
def test_an_analysis_shows_form_lesson_source_and_data(service: Any) -> None:
    at = opened("analysis", function="z_mumu")
    assert at.title[0].value == "Z to two muons"
    assert [slider.key for slider in at.slider] == ["min_pt", "bins"]
    assert at.selectbox(key="chosen-dataset").value == "cms-2010-zmumu"
    assert [tab.label for tab in at.tabs] == [words.LESSON, words.SOURCE, words.DATA]
    assert at.expander[0].label == "Why is there a peak?"
    assert at.code[0].value == service.functions["z_mumu"].source.strip()
    read = texts(at)
    assert "[a tracker](http://elsewhere.example/pixel.png)" in read
    assert "https://doi.org/10.7483/OPENDATA.CMS.WMKQ.0WTA" in read
    assert "Muons are ordered by momentum\\." in read


def test_a_lesson_is_read_in_the_language_that_is_chosen(service: Any) -> None:
    tongues = {"en": "English", "fr": "Français", "eo": "eo"}
    lessons = [Lesson(language=code, title=f"Title {code}", markdown=f"Text {code}") for code in tongues]
    service.functions["z_mumu"] = service.functions["z_mumu"].model_copy(update={"lessons": lessons})
    at = opened("analysis", function="z_mumu")
    choice = at.pills(key="lesson-language")
    assert (choice.options, choice.value) == (list(tongues.values()), "English")
    assert "Text en" in texts(at)
    choice.set_value("Français").run()
    assert "Title fr" in [header.value for header in at.header]
    assert "Text en" not in texts(at)
    # The address holds it, so a link that is shared opens in it.
    assert at.query_params["language"] == "fr"
    linked = opened("analysis", function="z_mumu", language="eo")
    assert "Text eo" in texts(linked)
    assert "Text en" in texts(opened("analysis", function="z_mumu", language="xx"))


def test_local_files_are_offered_and_named_as_such(service: Any) -> None:
    model = service.datasets["cms-2010-zmumu"]
    local = {"name": "mine", "title": "mine.root", "local": True, "doi": None}
    service.datasets["mine"] = model.model_copy(update=local)
    service.datasets["other"] = model.model_copy(update={"name": "other"})
    at = opened("analysis", function="z_mumu")
    choice = at.selectbox(key="chosen-dataset")
    assert choice.options == ["Events with two muons near the Z", "mine.root (local file)"]
    choice.set_value("mine").run()
    assert at.query_params["dataset"] == "mine"
    linked = opened("analysis", function="z_mumu", dataset="mine")
    assert linked.selectbox(key="chosen-dataset").value == "mine"
    linked.button(key="run-button").click().run()
    (run, _), *_ = service.records.values()
    assert run.provenance.dataset == "mine"


def test_a_dataset_without_files_says_how_to_come_by_them(service: Any) -> None:
    model = service.datasets["cms-2010-zmumu"]
    service.datasets["cms-2010-zmumu"] = model.model_copy(update={"files": [], "obtain": "Copy it and add it."})
    at = opened("analysis", function="z_mumu")
    assert [info.value for info in at.info] == ["Copy it and add it\\."]
    assert words.FILES not in texts(at)


def test_a_dataset_that_can_be_fetched_is_offered_first(service: Any) -> None:
    model = service.datasets["cms-2010-zmumu"]
    service.datasets["mine"] = model.model_copy(update={"name": "mine", "local": True})
    service.datasets["cms-2010-zmumu"] = model.model_copy(update={"files": [], "obtain": "Copy it and add it."})
    assert opened("analysis", function="z_mumu").selectbox(key="chosen-dataset").value == "mine"


@pytest.mark.usefixtures("service")
def test_an_unknown_analysis_names_its_nearest() -> None:
    at = opened("analysis", function="z_muma")
    assert "Did you mean z\\_mumu?" in at.error[0].value


@pytest.mark.usefixtures("service")
def test_an_analysis_must_be_chosen() -> None:
    assert opened("analysis").info[0].value == words.CHOOSE_FIRST


def test_run_submits_the_settings_and_the_address_holds_the_run(service: Any) -> None:
    at = opened("analysis", function="z_mumu", min_pt="10.5")
    at.button(key="run-button").click().run()
    assert not at.exception
    (run, _), *_ = service.records.values()
    assert run.provenance.params == {"min_pt": 10.5, "bins": 60, "charge": "opposite"}
    assert at.query_params["run"] == run.id
    assert len(components(at)) == 1


@pytest.mark.usefixtures("service")
def test_a_refused_parameter_is_named_next_to_the_form() -> None:
    at = opened("analysis", function="z_mumu", bins="13")
    at.button(key="run-button").click().run()
    assert at.error[0].value == "**Bins**: 13 brings bad luck."
    assert "run" not in at.query_params


def test_a_finished_run_can_be_kept(service: Any) -> None:
    run = service.add(service.make(), service_histograms(service))
    at = opened("analysis", function="z_mumu", run=run.id)
    assert words.KEEP_TITLE in [header.value for header in at.header]
    assert [button.label for button in at.download_button] == [words.DOWNLOAD_PNG, words.DOWNLOAD_CSV]
    read = texts(at)
    assert "2,304 of 2,304 events" in read
    assert run.id in read
    assert words.CHANGED not in read
    at.slider(key="bins").set_value(30).run()
    assert words.CHANGED in texts(at)


def service_histograms(service: Any) -> dict[str, Any]:
    """Return the histograms of a run that has ended, as its service makes them."""
    service.records["scratch"] = (service.make(RunState.planning, 0), 0.0)
    histograms: dict[str, Any] = service.look("scratch").histograms
    del service.records["scratch"]
    return histograms


def test_an_incomplete_run_says_why_events_are_missing(service: Any) -> None:
    problem = TaskProblem(kind="TimedOut", message="A chunk took longer than 60 s.")
    run = service.add(service.make(RunState.incomplete, 1500, errors=[problem]), service_histograms(service))
    at = opened("analysis", function="z_mumu", run=run.id)
    assert at.expander[0].label == words.WHY_MISSING
    assert "longer than 60 s" in texts(at)
    assert "1,500 of 2,304 events, 804 failed" in texts(at)


def test_a_run_can_be_stopped_and_keeps_what_it_had(service: Any) -> None:
    service.pace = 60.0
    run = service.make(RunState.planning, 0)
    service.records[run.id] = (run, time.monotonic())
    at = opened("analysis", function="z_mumu", run=run.id)
    at.button(key="stop-button").click().run()
    assert not at.exception
    assert service.look(run.id).run.state is RunState.cancelled
    assert "stop-button" not in [button.key for button in at.button]
    assert words.KEEP_TITLE in [header.value for header in at.header]


def test_what_is_missing_can_be_computed(service: Any) -> None:
    service.pace = 60.0
    run = service.add(service.make(RunState.incomplete, 1500), service_histograms(service))
    at = opened("analysis", function="z_mumu", run=run.id)
    at.button(key="again-button").click().run()
    assert not at.exception
    (again, _), *_ = service.records.values()
    assert again.resubmits == run.id
    assert at.query_params["run"] == again.id
    whole = service.add(service.make(), service_histograms(service))
    at = opened("analysis", function="z_mumu", run=whole.id)
    assert "again-button" not in [button.key for button in at.button]


def test_a_cited_run_is_kept_for_good(service: Any) -> None:
    run = service.add(service.make(), service_histograms(service))
    at = opened("analysis", function="z_mumu", run=run.id)
    for kept in (True, False):
        at.toggle(key=f"keep-{run.id}").set_value(kept).run()
        assert not at.exception
        assert service.fixed[run.id][0].kept is kept


def test_what_a_failed_function_printed_is_shown(service: Any) -> None:
    problem = TaskProblem(kind="TimedOut", message="Too long.", details={"output": "step 1\nstep 2\n"})
    run = service.add(service.make(RunState.failed, 0, errors=[problem]), {})
    at = opened("analysis", function="z_mumu", run=run.id)
    assert words.PRINTED in [expander.label for expander in at.expander]
    assert "step 1\nstep 2" in [code.value for code in at.code]


def test_a_failed_run_shows_the_authors_line(service: Any) -> None:
    details = {"type": "AttributeError", "message": "no 'nothing'", "line": 6, "code": "x", "traceback": "long"}
    problem = TaskProblem(kind="FunctionRaised", message="AttributeError: no 'nothing'", details=details)
    run = service.add(service.make(RunState.failed, 0, errors=[problem]), {})
    at = opened("analysis", function="z_mumu", run=run.id)
    assert at.error[0].value == words.RUN_FAILED
    assert "**AttributeError** in line 6" in texts(at)
    assert '→ 6      return {"mass": mass / params.nothing}' in at.code[0].value
    assert not components(at)
    assert not at.download_button


def test_a_failure_that_nobody_explains_says_what_to_do(service: Any) -> None:
    run = service.add(service.make(RunState.failed, 0), {})
    assert words.RUN_FAILED_UNKNOWN in texts(opened("analysis", function="z_mumu", run=run.id))


@pytest.mark.usefixtures("service")
def test_somebody_elses_run_still_sets_the_form() -> None:
    at = opened("analysis", function="z_mumu", run="00000000-0000-4000-8000-000000000000", bins="30")
    assert at.info[0].value == words.OTHER_RUN
    assert at.slider(key="bins").value == 30


def test_a_run_of_another_function_is_not_shown(service: Any) -> None:
    run = service.add(service.make(), service_histograms(service))
    service.functions["other"] = service.functions["z_mumu"].model_copy(update={"name": "other", "id": "other"})
    assert not opened("analysis", function="other", run=run.id).download_button


# ------------------------------------------------------------------------------------------------ runs
def test_runs_are_listed_newest_first(service: Any) -> None:
    service.add(service.make(), {})
    service.add(service.make(RunState.failed, 0), {})
    at = opened("runs")
    assert [caption.value.split("  ·  ")[1] for caption in at.caption] == ["0 of 2,304 events", "2,304 of 2,304 events"]
    assert "1 March 2026, 12:30" in at.caption[0].value


def test_many_runs_come_in_pages(service: Any) -> None:
    for _ in range(25):
        service.add(service.make(), {})
    assert len(opened("runs").caption) == 20
    assert len(opened("runs", page_number="2").caption) == 20


def test_runs_can_be_told_apart_by_state(service: Any) -> None:
    service.add(service.make(), {})
    service.add(service.make(RunState.failed, 0), {})
    at = opened("runs")
    at.button_group(key="run-state").set_value("failed").run()
    assert [caption.value.split("  ·  ")[1] for caption in at.caption] == ["0 of 2,304 events"]
    at.button_group(key="run-state").set_value("cancelled").run()
    assert at.info[0].value == words.NO_SUCH_RUNS


@pytest.mark.usefixtures("service")
def test_nobody_has_run_anything() -> None:
    assert opened("runs").info[0].value == words.NO_RUNS


def test_what_nobody_foresaw_gets_a_reference_and_no_traceback(
    service: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A record that breaks the contract stands for every fault of ours.
    monkeypatch.setattr("openbeam_portal.pages.runs.moment", lambda *_: 1 / 0)
    service.add(service.make(), {})
    at = opened("runs")
    reference = at.error[0].value.split("reference ")[1].rstrip(".")
    assert f"reference {reference}" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in texts(at)
