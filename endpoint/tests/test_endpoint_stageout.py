"""Outputs from a function to the owner's folder: real service, real agent, real engine."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from endpoint_kit import Agent, Site, until
from openbeam import Client
from openbeam.errors import OutputNotStored, ResultRefused, UnknownCredential
from openbeam.models import FunctionSpec
from openbeam_endpoint import config as settings
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.stageout import shared
from openbeam_endpoint.stageout.intake import Received

SKIM = """
import os

def f(size, name="skim.bin"):
    with open(f"outputs/{name}", "wb") as file:
        file.write(b"beam" * (size // 4))
    return os.listdir("outputs")
"""
SIZE = 4_000_000


@pytest.fixture(scope="module")
def student(site: Site) -> str:
    """Another person's token."""
    assert site.run("openbeam-service", "user", "add", "eve", "--role", "student").returncode == 0
    return site.run("openbeam-service", "token", "eve").stdout.strip()


@pytest.fixture(scope="module")
def outputs(site: Site) -> Path:
    """The owner's folder."""
    folder = site.home / "shared outputs"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def lab(site: Site, outputs: Path) -> Iterator[Folder]:
    """A running endpoint with a folder for outputs."""
    assert site.run("openbeam-endpoint", "configure", "lab", "--public").returncode == 0
    folder = Folder(site.home / "endpoints" / "lab")
    settings.change(folder.config_path, {"outputs": str(outputs), "output_gb": 0.01})
    with site.agent() as agent:
        until(lambda: agent.says("ready isolation"), 60)
        yield folder
        _check(agent)


def _check(agent: Agent) -> None:
    assert not any("Traceback" in line for line in agent.lines), agent.lines


@pytest.fixture
def function(operator: Client) -> str:
    spec = FunctionSpec(name="skim", source=SKIM, entrypoint="f", visibility="public")
    return operator.publish_function(spec).id


def test_outputs_are_in_their_users_folder_when_the_task_has_ended(
    site: Site, lab: Folder, outputs: Path, function: str, student: str
) -> None:
    content = b"beam" * (SIZE // 4)
    with site.client(student) as eve:
        task_id = eve.run(SIZE, function_id=function, endpoint_id="lab")
        assert eve.get_result(task_id) == ["skim.bin"]
        (stored,) = eve.get_task(task_id).outputs
        entries = [entry for entry in eve.audit(action="task.outputs") if entry.object_id == task_id]
    place = outputs / "eve" / task_id / "skim.bin"
    assert stored.uri == place.as_uri()
    assert place.read_bytes() == content
    assert place.stat().st_mode & 0o777 == 0o640
    assert (stored.name, stored.size) == ("skim.bin", SIZE)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert stored.checksum == f"adler32:{zlib.adler32(content):08x}"
    assert [(entry.actor, entry.name) for entry in entries] == [("eve", stored.uri)]
    assert names(outputs / "eve") == [task_id]
    assert list(lab.outgoing.iterdir()) == []
    shown = site.run("openbeam", "output", "--files", task_id)
    assert shown.returncode == 0, shown.stderr
    assert stored.uri in shown.stdout.replace("\n", "")


def test_too_much_is_a_plain_problem(operator: Client, lab: Folder, outputs: Path, function: str) -> None:
    assert lab.configured
    task_id = operator.run(20_000_000, function_id=function, endpoint_id="lab")
    with pytest.raises(ResultRefused, match="more than 10,000,000 bytes"):
        operator.get_result(task_id)
    assert not any(task_id in str(path) for path in outputs.rglob("*"))


def test_a_place_that_is_gone_is_told_and_the_next_task_finds_it_again(
    operator: Client, lab: Folder, outputs: Path, function: str
) -> None:
    away = outputs.rename(outputs.with_name("away"))
    task_id = operator.run(8, function_id=function, endpoint_id="lab")
    with pytest.raises(OutputNotStored, match="could not be written"):
        operator.get_result(task_id)
    assert operator.get_task(task_id).attempts == 1
    away.rename(outputs)
    task_id = operator.run(8, function_id=function, endpoint_id="lab")
    assert operator.get_result(task_id) == ["skim.bin"]
    assert list(lab.outgoing.iterdir()) == []


# ---------------------------------------------------------------------------------------------------- the folder alone
def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def received(folder: Path, content: bytes = b"beam", name: str = "a") -> Received:
    path = folder / name
    path.write_bytes(content)
    checksum = f"adler32:{zlib.adler32(content):08x}"
    return Received(name, path, len(content), checksum, hashlib.sha256(content).hexdigest())


def nothing(_: int) -> None:
    pass


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


def test_a_second_try_replaces_the_first(tmp_path: Path, root: Path) -> None:
    shared.keep([received(tmp_path), received(tmp_path, name="b")], root, "ada", "task", nothing)
    shared.keep([received(tmp_path, b"again")], root, "ada", "task", nothing)
    assert [(path.name, path.read_bytes()) for path in (root / "ada" / "task").iterdir()] == [("a", b"again")]
    assert names(root / "ada") == ["task"]


def test_a_stop_in_the_middle_leaves_nothing(tmp_path: Path, root: Path) -> None:
    def stop(_: int) -> None:
        raise OutputNotStored("stopped")

    with pytest.raises(OutputNotStored, match="stopped"):
        shared.keep([received(tmp_path)], root, "ada", "task", stop)
    assert names(root / "ada") == []


def test_what_reads_back_otherwise_is_not_kept(tmp_path: Path, root: Path) -> None:
    spoiled = received(tmp_path)
    spoiled.path.write_bytes(b"mean")
    with pytest.raises(OutputNotStored, match="read back"):
        shared.keep([spoiled], root, "ada", "task", nothing)
    assert names(root / "ada") == []


@pytest.mark.parametrize("where", ["ada", "ada/task"])
def test_links_that_others_planted_are_not_followed(tmp_path: Path, root: Path, where: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    link = root / where
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(elsewhere)
    try:
        shared.keep([received(tmp_path)], root, "ada", "task", nothing)
    except OutputNotStored:
        assert where == "ada"
    else:
        assert not (root / "ada" / "task").is_symlink()
        assert names(root / "ada") == ["task"]
    assert names(elsewhere) == []


# ---------------------------------------------------------------------------------------------------- credentials
def test_a_credential_is_sealed_here_opened_there_and_seen_by_nobody(
    site: Site, lab: Folder, function: str, student: str
) -> None:
    secret = "a-token-that-nobody-else-may-see"
    (site.home / "token").write_text(secret)
    own = {"OPENBEAM_TOKEN": student}
    line = ["openbeam", "credentials", "add", "eos", "--endpoint", "lab", "--kind", "token"]
    line += ["--to", "root://eos.example.org//eos/user/e/eve", "--file", str(site.home / "token")]
    site = replace(site, environment=site.environment | own)
    wrong = site.run(*line, "--key", "x" * 43)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "not the one that you expect" in wrong.stderr.replace("\n", " ")
    shown = json.loads(site.run("openbeam-endpoint", "status", "lab", "--json").stdout)
    added = site.run(*line, "--key", shown["key_id"])
    assert added.returncode == 0, added.stderr
    with site.client(student) as eve:
        assert lab.sealing_key().kid == shown["key_id"]
        (known,) = eve.credentials()
        assert (known.name, known.endpoint, known.good) == ("eos", "lab", True)
        task_id = eve.run(8, function_id=function, endpoint_id="lab", outputs_to="eos")
        # It was opened there: the server that is in the seal is none of those that the owner allows.
        with pytest.raises(OutputNotStored, match=r"does not send files to eos\.example\.org"):
            eve.get_result(task_id)
        with site.client() as operator:
            assert operator.credentials() == []
        assert site.run("openbeam", "credentials", "remove", "eos").returncode == 0
        assert eve.credentials() == []
        with pytest.raises(UnknownCredential):
            eve.run(8, function_id=function, endpoint_id="lab", outputs_to="eos")
    (site.home / "token").unlink()
    holding = [path for path in site.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert holding == []


def test_a_closed_account_has_no_credentials_any_more(site: Site, lab: Folder, student: str) -> None:
    about = {"endpoint": "lab", "destination": "root://eos.example.org//eos/user/e/eve", "kind": "sss"}
    assert lab.configured
    with site.client(student) as eve:
        eve.add_credential("eos", **about, secret="word")
        assert site.run("openbeam-service", "user", "set", "eve", "--close").returncode == 0
        assert site.run("openbeam-service", "user", "set", "eve", "--open").returncode == 0
        assert eve.credentials() == []
