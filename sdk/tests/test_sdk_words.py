"""The shared words: states that end, accounts that add up, names and places that are checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import openbeam
import pytest
from openbeam.home import Home
from openbeam.models import Account, DataFile, EndpointSpec, FunctionSpec, RunSubmit, file_name
from openbeam.states import FINAL_RUN_STATES, FINAL_TASK_STATES, RUN_STEPS, TASK_STEPS, RunState, TaskState
from pydantic import ValidationError


def test_final_states_are_the_drawn_ones() -> None:
    assert {TaskState.success, TaskState.failed, TaskState.cancelled} == FINAL_TASK_STATES
    assert {RunState.complete, RunState.incomplete, RunState.failed, RunState.cancelled} == FINAL_RUN_STATES


@pytest.mark.parametrize(("states", "steps"), [(TaskState, TASK_STEPS), (RunState, RUN_STEPS)])
def test_every_state_can_reach_an_end(states: Any, steps: dict[Any, frozenset[Any]]) -> None:
    assert set(steps) == set(states)
    for state in states:
        reached, front = {state}, {state}
        while front:
            front = set().union(*(steps[at] for at in front)) - reached
            reached |= front
        assert any(not steps[at] for at in reached)


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        (Account(events_expected=2304, events_processed=2304), "2,304 of 2,304 events"),
        (Account(events_expected=10, events_processed=4, events_failed=3, retries=1),
         "4 of 10 events, 3 failed, 1 retry"),
        (Account(events_expected=10, events_processed=4, events_cancelled=5), "4 of 10 events, 5 cancelled"),
        (Account(events_expected=9, events_processed=9, retries=2, chunks=3, chunks_cached=2),
         "9 of 9 events, 2 retries, 2 of 3 chunks from the cache"),
    ],
)  # fmt: skip
def test_an_account_is_one_sentence(account: Account, sentence: str) -> None:
    assert account.sentence() == sentence
    assert account.events_waiting == account.events_expected - account.events_processed - account.events_missing


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (RunSubmit, {"function": "f", "dataset": "d", "speed": "fast"}),
        (FunctionSpec, {"name": "Bad Name", "source": "x", "entrypoint": "f"}),
        (FunctionSpec, {"name": "f", "source": "x", "entrypoint": "f()"}),
        (FunctionSpec, {"name": "f", "source": "x" * 300_000, "entrypoint": "f"}),
        (FunctionSpec, {"name": "f", "source": "x", "entrypoint": "f", "timeout": 0}),
        (DataFile, {"uri": "u", "size": -1, "checksum": "adler32:00000000"}),
        (DataFile, {"uri": "u", "size": 1, "checksum": "md5:00000000"}),
        (EndpointSpec, {"name": "../x", "key": {}}),
    ],
)
def test_what_is_out_of_bounds_is_refused(model: Any, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model(**fields)


def test_sockets_fit_into_a_path_however_deep_the_home(tmp_path: Path) -> None:
    assert Home(tmp_path).socket("valkey").is_relative_to(tmp_path)
    deep = Home(tmp_path.joinpath(*["deeper"] * 30))
    assert len(str(deep.socket("valkey"))) < 107
    assert deep.socket("valkey") != Home(deep.root / "other").socket("valkey")


def test_files_of_the_cache_are_named_by_content() -> None:
    assert file_name("adler32:0011aabb", 12) == "0011aabb-12"


def test_the_package_offers_what_it_says() -> None:
    assert {"Client", "Run"} <= set(openbeam.__all__)
    assert all(getattr(openbeam, name) for name in openbeam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Beam'"):
        _ = openbeam.Beam
