"""What an owner lets run on a running endpoint: their own list, closures in an engine, a key that is taken back."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator

import pytest
from endpoint_kit import Agent, Site, until
from openbeam import Client
from openbeam.errors import FunctionRefused, UnknownEndpoint
from openbeam.models import ApprovalState, FunctionSpec, Visibility
from openbeam.states import TaskState
from openbeam_endpoint.packages import environment_digest

GOOD = "def f(x):\n    return 2 * x\n"
OTHER = "def f(x):\n    return 3 * x\n"


@pytest.fixture(scope="module")
def good(site: Site) -> str:
    """A function that is on the list; return its id."""
    with site.client() as operator:
        return operator.publish_function(FunctionSpec(name="good", source=GOOD, entrypoint="f")).id


@pytest.fixture(scope="module")
def listed(site: Site, good: str) -> Iterator[Agent]:
    """An agent whose owner lets one function run, and calls what is installed a name."""
    with site.client() as operator:
        digest = operator.function(good).sha256
    options = ["--function", digest, "--environment", "here-2026"]
    assert site.run("openbeam-endpoint", "configure", "lab", *options).returncode == 0
    with site.agent() as agent:
        until(lambda: agent.says("ready isolation"), 60)
        yield agent


def test_what_is_on_the_list_runs_and_what_is_not_is_refused(listed: Agent, operator: Client, good: str) -> None:
    assert listed.process.poll() is None
    assert operator.get_result(operator.run(21, function_id=good, endpoint_id="lab")) == 42
    other = operator.publish_function(FunctionSpec(name="other", source=OTHER, entrypoint="f"))
    task = operator.run(21, function_id=other.id, endpoint_id="lab")
    with pytest.raises(FunctionRefused, match="owner's list") as caught:
        operator.get_result(task)
    assert caught.value.details["sha256"] == other.sha256
    assert operator.get_task(task).attempts == 1
    (pickled,) = [operator.register_function(lambda x: x, name="pickled", pickle=True)]
    with pytest.raises(FunctionRefused):
        operator.get_result(operator.run(1, function_id=pickled, endpoint_id="lab"))


def test_what_is_installed_is_told_and_can_be_asked_for(listed: Agent, operator: Client) -> None:
    assert listed.process.poll() is None
    here = operator.environment("here-2026")
    assert (here.digest, here.endpoints, here.online) == (environment_digest(), ["lab"], True)
    assert here.python == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert any(package.startswith("numpy==") for package in here.packages)
    spec = FunctionSpec(name="good", source=GOOD, entrypoint="f", environment="here-2026")
    assert operator.get_result(operator.run(4, function_id=operator.publish_function(spec).id)) == 8


def test_closures_run_where_the_owner_lets_them(site: Site, operator: Client) -> None:
    factor = 2.5
    function = operator.register_function(lambda x: x * factor, name="scale", pickle=True)
    assert operator.function(function).visibility is Visibility.private
    assert site.run("openbeam-endpoint", "configure", "open").returncode == 0
    with site.agent("open") as agent:
        until(lambda: agent.says("ready isolation"), 60)
        assert operator.get_result(operator.run(4, function_id=function, endpoint_id="open")) == 10
        operator.delete_endpoint("open")
        until(lambda: agent.process.poll() is not None, 30)
    with pytest.raises(UnknownEndpoint):
        operator.endpoint("open")


def test_an_agent_whose_key_is_revoked_ends_and_can_be_configured_again(
    site: Site, listed: Agent, operator: Client, good: str
) -> None:
    operator.revoke_endpoint("lab")
    until(lambda: listed.process.poll() is not None, 30)
    task = operator.run(1, function_id=good, endpoint_id="lab")
    assert operator.get_task(task).state is TaskState.queued
    assert site.run("openbeam-endpoint", "configure", "lab").returncode == 0
    with site.agent() as again:
        assert operator.get_result(task) == 2
        again.end(signal.SIGTERM)


def test_a_teacher_is_told_that_the_public_needs_approval(site: Site, operator: Client) -> None:
    assert site.run("openbeam-service", "user", "add", "tess", "--role", "teacher").returncode == 0
    token = site.run("openbeam-service", "token", "tess").stdout.strip()
    own = Site(site.home, site.url, site.environment | {"OPENBEAM_TOKEN": token})
    done = own.run("openbeam-endpoint", "configure", "classroom", "--public")
    assert done.returncode == 0
    assert "An administrator has to approve" in done.stderr
    asked = operator.endpoint("classroom")
    assert asked.approval is not None
    assert (asked.visibility, asked.approval.state) == (Visibility.private, ApprovalState.requested)
    operator.approve_endpoint(asked)
    again = own.run("openbeam-endpoint", "configure", "classroom", "--workers", "1")
    assert (again.returncode, again.stderr) == (0, "")
    assert operator.endpoint("classroom").visibility is Visibility.public
