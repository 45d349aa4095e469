"""What a sandbox is made of, looked at from the trusted side."""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from openbeam.errors import EngineFault, InvalidInput
from openbeam.models import EndpointStatus, Isolation, TaskProblem
from openbeam_endpoint.engines import Engine, choose_isolation
from openbeam_endpoint.packages import environment_digest
from openbeam_endpoint.sandbox import bubblewrap, choose, docker, folders, heads, mounts
from openbeam_endpoint.sandbox.launch import Order, environment, settings
from openbeam_endpoint.sandbox.settings import Settings


@pytest.fixture
def order(tmp_path: Path) -> Order:
    return Order(name="lab", workers=3, data=tmp_path, sockets=tmp_path, scratch=tmp_path)


def test_what_a_killed_process_left_is_cleared_away_and_nothing_else() -> None:
    mine = folders.short_folder(None)
    module = "openbeam_endpoint.sandbox.folders"
    make = f"import os; from {module} import short_folder as f; print(f(None), flush=True); os.abort()"
    killed = subprocess.run(
        [sys.executable, "-c", make], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False
    )
    left = Path(killed.stdout.strip() or "/nothing")
    # As the sockets of an installation whose path is long.
    other = Path(tempfile.mkdtemp(prefix="openbeam-0-"))
    assert left.is_dir()
    folders.clear_away()
    try:
        assert (mine.is_dir(), left.exists(), other.is_dir()) == (True, False, True)
    finally:
        mine.rmdir()
        other.rmdir()


def test_settings_travel_on_a_command_line(order: Order) -> None:
    made = settings(order, sockets=Path("/a b"), data=Path("/data"), scratch=Path("/tmp"), alone=True)
    assert Settings.parse(made.command()) == made
    assert made.workers == 3
    assert 1 << 30 <= made.memory <= 2 << 30


def test_an_engine_with_others_on_its_machine_talks_encrypted_and_does_not_count_their_processes(order: Order) -> None:
    alone = settings(order, sockets=Path("/a"), data=Path("/d"), scratch=Path("/s"), alone=True)
    together = settings(order, sockets=Path("/a"), data=Path("/d"), scratch=Path("/s"), alone=False)
    assert (alone.encrypted, together.encrypted) == (0, 1)
    assert together == replace(alone, encrypted=1, crowd=0, processes=together.processes)


def test_the_environment_has_nothing_of_the_agents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBEAM_TOKEN", "obp_secret")
    assert "obp_secret" not in " ".join(environment("/tmp", []).values())


def test_this_environment_is_mounted_and_a_home_inside_it_is_hidden(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENBEAM_HOME", str(tmp_path / "home"))
    found = mounts.find_mounts()
    for needed in (sys.prefix, sys.base_prefix, mounts.__file__):
        assert any(Path(needed).is_relative_to(folder) for folder in found.folders), needed
    assert not any(tmp_path.is_relative_to(folder) for folder in found.folders)
    assert found.hidden == ()
    inside = Path(sys.prefix) / "var" / "openbeam"
    monkeypatch.setenv("OPENBEAM_HOME", str(inside))
    assert mounts.find_mounts().hidden == (inside,)
    assert str(inside) in bubblewrap.arguments()


def test_auto_takes_the_best_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    def working(*isolations: Isolation) -> None:
        monkeypatch.setattr(choose, "_PROBES", {one: lambda one=one: one in isolations for one in choose._PROBES})

    working(*Isolation)
    assert choose_isolation() is Isolation.docker
    working(Isolation.bubblewrap, Isolation.none)
    assert choose_isolation("auto") is Isolation.bubblewrap
    with pytest.raises(EngineFault, match="Start Docker"):
        choose_isolation("docker")
    working(Isolation.none)
    assert choose_isolation() is Isolation.none


def test_no_isolation_is_warned_of() -> None:
    with structlog.testing.capture_logs() as logs:
        assert choose_isolation("none") is Isolation.none
    assert [(entry["log_level"], entry["event"].split(":")[0]) for entry in logs] == [("warning", "no isolation")]


def test_an_isolation_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InvalidInput, match="docker, bubblewrap, none"):
        choose_isolation("vm")


def test_docker_on_another_machine_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:9")
    with pytest.raises(EngineFault):
        docker._client()


def test_a_sandbox_may_say_what_became_of_a_task_and_nothing_else() -> None:
    problem = {"kind": "FunctionRaised", "message": "m", "details": {"line": 1}, "retry": False}
    done = heads.parse({"op": "done", "task": "1", "problem": problem})
    assert done == heads.Done(op="done", task="1", problem=TaskProblem(**problem))
    for kind in ("NotAllowed", "OpenbeamError", "DropTable"):
        forged = heads.parse({"op": "done", "task": "1", "problem": {**problem, "kind": kind}})
        assert isinstance(forged, heads.Done)
        assert forged.problem is not None
        assert forged.problem.kind == "EngineFault"


@hypothesis_settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["op", "task", "problem", "message", "x"]), st.one_of(
    st.sampled_from(["ready", "beat", "running", "done", "fault"]), st.none(), st.integers(), st.text()
)))  # fmt: skip
def test_whatever_a_sandbox_says_is_understood_or_refused(head: dict[str, object]) -> None:
    try:
        parsed = heads.parse(head)
    except EngineFault:
        return
    assert parsed.op == head["op"]


def test_the_digest_names_what_is_installed() -> None:
    digest = environment_digest()
    assert digest == environment_digest()
    assert digest.startswith("local:")
    assert len(digest) == len("local:") + 16
    EndpointStatus(workers=1, isolation=Isolation.none, environment=digest, version="1")


def test_an_engine_that_was_not_started_or_is_closed_says_so(tmp_path: Path) -> None:
    engine = Engine(name="idle", data=tmp_path, workers=1, isolation=Isolation.none)
    replies = []
    engine.submit("task", b"{}", 1, replies.append)
    engine.cancel("task")
    engine.close()
    engine.submit("task", b"{}", 1, replies.append)
    assert not engine.healthy
    assert engine.busy == 0
    assert [reply.problem and (reply.problem.kind, reply.problem.retry) for reply in replies] == [
        ("EngineFault", True)
    ] * 2
