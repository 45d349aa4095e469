"""The error tree is the one that is drawn, and crosses the wire whole."""

from __future__ import annotations

import re

import pytest
from openbeam import errors
from openbeam.checks import checked, error_of, task_error
from openbeam.models import DatasetSpec, TaskProblem

KINDS = sorted(name for name in errors.__all__ if isinstance(getattr(errors, name), type))


def _drawn() -> dict[str, str]:
    """Read kind and parent off the tree in the docstring."""
    parents: dict[str, str] = {}
    trail: list[tuple[int, str]] = []
    tree = (errors.__doc__ or "").split("::", 1)[1].split("An error knows")[0]
    for line in tree.splitlines():
        found = re.match(r"^([ |'-]*)([A-Z]\w+)", line)
        if not found:
            continue
        depth, name = len(found[1]), found[2]
        trail = [entry for entry in trail if entry[0] < depth]
        parents[name] = trail[-1][1] if trail else ""
        trail.append((depth, name))
    return parents


def test_exported_names_are_the_drawn_tree() -> None:
    drawn = _drawn()
    assert sorted(drawn) == KINDS
    for name, parent in drawn.items():
        if parent:
            assert getattr(errors, parent) in getattr(errors, name).__bases__


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_crosses_the_wire(kind: str) -> None:
    error = getattr(errors, kind)("What happened.", name="x", numbers=[1, 2], nested={"a": None})
    back = errors.from_json(errors.to_json(error))
    assert type(back) is type(error)
    assert str(back) == "What happened."
    assert back.details == error.details
    assert 400 <= back.status < 600


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        ("UnknownDataset", LookupError),
        ("InvalidParameter", ValueError),
        ("NotSignedIn", PermissionError),
        ("NotAllowed", PermissionError),
        ("ServiceUnavailable", ConnectionError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind: str, builtin: type[Exception]) -> None:
    with pytest.raises(builtin):
        raise getattr(errors, kind)("no")


def test_a_kind_of_a_newer_service_is_a_plain_error() -> None:
    error = errors.from_json({"kind": "FluxCapacitorEmpty", "message": "Refill it."})
    assert type(error) is errors.OpenbeamError
    assert str(error) == "Refill it."


def test_nearest_names_are_offered() -> None:
    error = errors.UnknownDataset.among("cms-zmumu", ["cms-2010-zmumu", "atlas-4l"])
    assert error.details == {"name": "cms-zmumu", "nearest": ["cms-2010-zmumu"]}
    assert "Did you mean cms-2010-zmumu?" in str(error)


def test_a_poor_name_is_not_offered_beside_a_good_one() -> None:
    assert errors.nearest("dubble", ["over-ff8dbb6e", "double", "doubles"]) == ["double", "doubles"]
    assert errors.nearest("dubble", ["over-ff8dbb6e"]) == ["over-ff8dbb6e"]


def test_details_may_have_a_message_of_their_own() -> None:
    details = {"type": "ZeroDivisionError", "message": "division by zero", "line": 3}
    error = error_of("FunctionRaised", "Your function raised.", details)
    assert isinstance(error, errors.FunctionRaised)
    assert str(error) == "Your function raised."
    assert error.details == details


def test_a_problem_is_always_a_task_error() -> None:
    assert isinstance(task_error(TaskProblem(kind="ChecksumMismatch", message="m")), errors.DataUnavailable)
    strange = task_error(TaskProblem(kind="NotAllowed", message="m", details={"a": 1}))
    assert type(strange) is errors.TaskError
    assert strange.details == {"a": 1}


def test_a_wrong_field_is_named() -> None:
    with pytest.raises(errors.InvalidInput, match="name is 'Zed Mu'") as caught:
        checked(DatasetSpec, name="Zed Mu", title="", files=[])
    assert caught.value.details["field"] == "name"
