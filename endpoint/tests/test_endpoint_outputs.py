"""Files that a function writes leave its sandbox whole, and nothing else does: with engines that really run."""

from __future__ import annotations

import hashlib
import socket
import zlib
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from endpoint_lab import Lab, call, soon
from hypothesis import given
from hypothesis import strategies as st
from openbeam.errors import EngineFault, ResultRefused
from openbeam_endpoint import wire
from openbeam_endpoint.engines import EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.stageout.intake import Intake
from openbeam_endpoint.stageout.outlet import Outlet

MB = 1_000_000


class Desk:
    """Runs functions whose outputs are asked for."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self._lab = lab
        self._folder = folder
        self._count = 0

    def run(self, source: str, limit: int = 10 * MB, timeout: float = 30) -> tuple[EngineReply, Intake]:
        self._count += 1
        intake = Intake(self._folder / str(self._count), limit, most=3)
        done, replies = Event(), []

        def on_done(reply: EngineReply) -> None:
            replies.append(reply)
            done.set()

        code, body = call(source)
        parcel = pack(code.encode(), body.model_dump_json().encode())
        self._lab.engine.submit("task", parcel, timeout, on_done, outputs=intake)
        assert done.wait(60)
        return replies[0], intake

    def refused(self, source: str, limit: int = 10 * MB) -> str:
        reply, intake = self.run(source, limit)
        assert reply.problem is not None, reply.body
        assert reply.problem.kind == "ResultRefused", reply.problem
        assert not intake.files
        intake.close()
        return reply.problem.message


@pytest.fixture
def desk(lab: Lab, tmp_path: Path) -> Desk:
    return Desk(lab, tmp_path / "outgoing")


WRITES = """
def f():
    with open("outputs/skim.bin", "wb") as file:
        for number in range(3):
            file.write(bytes([number]) * 1_000_001)
    open("outputs/empty", "w").close()
    return "done"
"""


def test_what_a_function_writes_arrives_whole(desk: Desk) -> None:
    reply, intake = desk.run(WRITES)
    assert reply.problem is None, reply.problem
    content = b"".join(bytes([number]) * 1_000_001 for number in range(3))
    found = {one.name: one for one in intake.files}
    assert set(found) == {"skim.bin", "empty"}
    skim = found["skim.bin"]
    assert skim.path.read_bytes() == content
    assert skim.path.stat().st_mode & 0o777 == 0o600
    assert (skim.size, skim.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert skim.checksum == f"adler32:{zlib.adler32(content):08x}"
    intake.close()
    assert not skim.path.exists()


def test_a_function_that_writes_nothing_hands_over_nothing(desk: Desk) -> None:
    reply, intake = desk.run("def f():\n    return 1")
    assert reply.problem is None
    assert not intake.files


def test_a_function_that_fails_hands_over_nothing(desk: Desk) -> None:
    reply, intake = desk.run("def f():\n    open('outputs/a', 'w').write('half')\n    raise ValueError")
    assert reply.problem is not None
    assert reply.problem.kind == "FunctionRaised"
    assert not intake.files


def test_the_next_task_finds_an_empty_folder_and_without_an_order_none(desk: Desk, lab: Lab) -> None:
    desk.run(WRITES)
    reply, _ = desk.run("import os\ndef f():\n    return os.listdir('outputs')")
    assert reply.body is not None
    assert b'"value":[]' in reply.body
    problem = lab.problem("def f():\n    open('outputs/a', 'w')")
    assert "FileNotFoundError" in problem.message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("os.symlink('/etc/passwd', 'outputs/a')", "not a file of its own"),
        ("os.symlink('b', 'outputs/a'); open('outputs/b', 'w')", "not a file of its own"),
        ("os.mkfifo('outputs/a')", "not a file of its own"),
        ("os.mkdir('outputs/a')", "not a file of its own"),
        ("open('x', 'w').close(); os.link('x', 'outputs/a')", "not a file of its own"),
        ("os.rmdir('outputs'); os.symlink('/etc', 'outputs')", "not there any more"),
        ("os.rmdir('outputs'); os.mkfifo('outputs')", "not there any more"),
        ("open('outputs/.hidden', 'w')", "no name for an output"),
        ("open('outputs/a b', 'w')", "no name for an output"),
        ("[open(f'outputs/{n}', 'w').close() for n in range(4)]", "more than 3 outputs"),
        ("[open(f'outputs/{n}', 'w').close() for n in range(3_000)]", "more than 3 outputs"),
        ("os.truncate(os.open('outputs/a', os.O_CREAT | os.O_WRONLY), 1_000_000_000)", "more than 10,000,000 bytes"),
    ],
)
def test_what_is_no_plain_file_is_refused(desk: Desk, body: str, words: str) -> None:
    assert words in desk.refused(f"import os\ndef f():\n    {body}")


# Code of a task that goes to the agent by itself, past all that the engine looks at.
RAW = """
import json, os, socket, struct, sys
def frame(head, body=b""):
    text = json.dumps(head).encode()
    return struct.pack("!II", len(text), len(body)) + text + body
def send(*frames, hello=None):
    from openbeam_endpoint.engine import outputs
    secret = sys._getframe(2)
    order = None
    while secret is not None:
        order = secret.f_locals.get("order") or order
        secret = secret.f_back
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"/proc/self/fd/{outputs.OUTLET}")
        line.settimeout(20)
        try:
            line.sendall(frame(hello or {"op": "outputs", "secret": order["secret"]}) + b"".join(frames))
        except OSError:
            pass
        return line.recv(65536).decode("utf-8", "replace")
"""


@pytest.mark.parametrize(
    ("frames", "words"),
    [
        ("frame({'op': 'file', 'name': '../../escaped', 'size': 1}), frame({'op': 'data'}, b'x')", "no name"),
        ("frame({'op': 'file', 'name': '/etc/escaped', 'size': 1}), frame({'op': 'data'}, b'x')", "no name"),
        ("frame({'op': 'file', 'name': '..', 'size': 1}), frame({'op': 'data'}, b'x')", "no name"),
        ("frame({'op': 'file', 'name': 'a', 'size': 10**12})", "more than 10,000,000 bytes"),
        ("frame({'op': 'file', 'name': 'a', 'size': -1})", "more than 10,000,000 bytes"),
        ("frame({'op': 'file', 'name': 'a', 'size': 1}), frame({'op': 'data'}, b'xyz')", "longer than was said"),
        ("frame({'op': 'file', 'name': 'a', 'size': 1}), frame({'op': 'end'})", "longer than was said"),
        ("*[frame({'op': 'file', 'name': f'a{n}', 'size': 0}) for n in range(9)]", "more than 3 outputs"),
        ("frame({'op': 'file', 'name': 'a', 'size': 0}), frame({'op': 'file', 'name': 'a', 'size': 0})", "came twice"),
        ("frame({'op': 'run'})", "not how outputs are sent"),
        ("b'\\xff' * 100_000", "refused"),
        ("hello={'op': 'outputs', 'secret': 'guessed'}", "No task was asked"),
        ("hello={'op': 'outputs', 'secret': ['x']}", "No task was asked"),
    ],
)
def test_the_agent_checks_again_what_an_engine_says(desk: Desk, tmp_path: Path, frames: str, words: str) -> None:
    reply, intake = desk.run(f"{RAW}\ndef f():\n    return send({frames})")
    assert reply.body is not None, reply.problem
    assert words in reply.body.decode()
    assert not intake.files
    intake.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_what_a_task_says_of_refused_outputs_does_not_count(desk: Desk) -> None:
    _, intake = desk.run(f"{RAW}\ndef f():\n    return send(frame({{'op': 'file', 'name': '..', 'size': 0}}))")
    assert isinstance(intake.refused, ResultRefused)


def test_a_secret_is_good_once(desk: Desk) -> None:
    first = "frame({'op': 'file', 'name': 'a', 'size': 1}), frame({'op': 'data'}, b'x'), frame({'op': 'end'})"
    second = first.replace("'a'", "'b'")
    reply, intake = desk.run(f"{RAW}\ndef f():\n    return [send({first}), send({second})]")
    assert reply.body is not None
    assert b"No task was asked" in reply.body
    assert [one.name for one in intake.files] == ["a"]


FILE = st.tuples(st.text(max_size=12) | st.sampled_from(["a", "b", "..", "x/y"]), st.binary(max_size=40))


@given(files=st.lists(FILE, max_size=5), cut=st.integers(0, 400), limit=st.integers(0, 100))
def test_an_intake_holds_what_was_said_or_nothing(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]], cut: int, limit: int
) -> None:
    sent: list[wire.Frame] = []
    for name, content in files:
        sent += [({"op": "file", "name": name, "size": len(content)}, b"")]
        sent += [({"op": "data"}, content)] if content else []
    sent = [*sent, ({"op": "end"}, b"")][:cut]
    intake = Intake(tmp_path_factory.mktemp("intake") / "task", limit)
    try:
        intake.take(iter(sent))
    except (ResultRefused, EngineFault):
        assert intake.files == []
    else:
        assert [(one.name, one.path.read_bytes()) for one in intake.files] == files
        assert sum(one.size for one in intake.files) <= limit
        assert all(one.path.parent == intake._folder for one in intake.files)
    intake.close()
    assert not intake._folder.exists()


def test_who_says_nothing_keeps_nobody_out(tmp_path: Path) -> None:
    outlet = Outlet(tmp_path / "socket", workers=2)
    intake = Intake(tmp_path / "task", 10)
    order = outlet.expect(intake)
    lines = [_line(tmp_path) for _ in range(2)]
    for line in lines:
        line.close()
    with _line(tmp_path) as line:
        line.sendall(wire.encode({"op": "outputs", "secret": order["secret"]}) + wire.encode({"op": "end"}))
        answer: Any = wire.receive(line)
        assert answer[0]["op"] == "kept"
    outlet.close()
    assert soon(lambda: outlet._thread is None or not outlet._thread.is_alive())


def _line(folder: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(20)
    line.connect(str(folder / "socket"))
    return line
