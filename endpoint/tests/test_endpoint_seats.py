"""Engines in seats: processes that somebody else keeps running and starts again, as a host's Docker does."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint_lab import call, soon
from openbeam.models import Isolation
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import seats
from openbeam_endpoint.sandbox.launch import OUTLET_NAME
from openbeam_endpoint.stageout.intake import Intake

DOUBLE = "def f(x):\n    return 2 * x\n"
WAIT = "import time\ndef f():\n    time.sleep(60)\n"


_NAMESPACE = ("unshare", "--user", "--map-current-user", "--pid", "--fork", "--mount-proc", "--kill-child")
"""As in a container: with process ids of its own, so that nobody else's processes count."""


class Keeper:
    """What Docker does for a seat: it starts it again whenever it ends."""

    def __init__(self, folder: Path) -> None:
        self.address = folder / seats.DOOR / "agent.sock"
        self.address.parent.mkdir(parents=True)
        self.started = 0
        self.process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._keep)
        self._thread.start()

    def _keep(self) -> None:
        command = [*_NAMESPACE, sys.executable, "-m", "openbeam_endpoint.engine.seat", str(self.address)]
        while not self._closed:
            self.started += 1
            with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
                own = {**os.environ, "TMPDIR": scratch}
                self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, env=own)
                self.process.wait()

    def close(self) -> None:
        self._closed = True
        while self._thread.is_alive():  # it may be about to start one more
            assert self.process is not None
            self.process.kill()
            self._thread.join(0.1)


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    with tempfile.TemporaryDirectory() as above, pytest.MonkeyPatch.context() as patch:
        patch.setenv(seats.VARIABLE, above)
        kept = Keeper(Path(above) / "0")
        yield kept
        kept.close()


@pytest.fixture
def engine(keeper: Keeper, tmp_path: Path) -> Iterator[Engine]:
    assert keeper.started
    made = Engine(name="seated", data=tmp_path, workers=1, isolation=Isolation.docker)
    made.start()
    yield made
    made.close()


def run(engine: Engine, source: str, *args: object, outputs: Intake | None = None) -> EngineReply:
    replies: list[EngineReply] = []
    done = threading.Event()
    _, asked = call(source, *args)
    parcel = pack(source.encode(), asked.model_dump_json().encode())

    def on_done(reply: EngineReply) -> None:
        replies.append(reply)
        done.set()

    engine.submit("task", parcel, 30, on_done, outputs=outputs)
    assert done.wait(40)
    return replies[0]


def test_an_engine_in_a_seat_runs_tasks_and_ends_with_it(keeper: Keeper, tmp_path: Path) -> None:
    engine = Engine(name="seated", data=tmp_path, workers=1, isolation=Isolation.docker)
    engine.start()
    first, pid = keeper.started, keeper.process.pid if keeper.process else 0
    reply = run(engine, DOUBLE, 21)
    assert reply.problem is None, reply.problem
    assert b"42" in (reply.body or b"")
    assert not keeper.address.exists()  # while it is used nobody can come in its place
    with pytest.raises(OSError, match="No such file"):
        socket.socket(socket.AF_UNIX).connect(str(keeper.address))
    engine.close()
    assert soon(lambda: keeper.started > first, 10)
    assert not Path(f"/proc/{pid}").exists()


def test_files_leave_a_seat_too(engine: Engine, tmp_path: Path) -> None:
    intake = Intake(tmp_path / "outgoing", 1_000_000)
    reply = run(engine, "def f():\n    open('outputs/a', 'w').write('beam')\n", outputs=intake)
    assert reply.problem is None, reply.problem
    assert [(one.name, one.path.read_bytes()) for one in intake.files] == [("a", b"beam")]


def test_the_next_engine_has_a_seat_that_was_started_afresh(keeper: Keeper, engine: Engine) -> None:
    assert run(engine, DOUBLE, 1).problem is None
    assert keeper.process is not None
    before = keeper.started
    os.kill(keeper.process.pid, signal.SIGKILL)
    reply = run(engine, WAIT) if engine.healthy else None
    assert soon(lambda: not engine.healthy, 20)
    assert reply is None or (reply.problem is not None and reply.problem.kind == "EngineFault")
    assert soon(lambda: keeper.started > before, 10)


def test_an_agent_that_hangs_up_ends_the_engine_and_its_seat(keeper: Keeper) -> None:
    sandbox = seats.launch(_order(keeper))
    before = keeper.started
    assert soon(lambda: not sandbox.running(), 30)
    assert soon(lambda: keeper.started > before, 10)


def _order(keeper: Keeper) -> seats.Order:
    """Return an order whose agent hangs up at once."""
    folder = Path(tempfile.mkdtemp(dir=keeper.address.parents[2]))
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(folder / "agent.sock"))
    listener.listen(1)
    (folder / OUTLET_NAME).touch()
    threading.Thread(target=_hang_up, args=(listener,)).start()
    return seats.Order(name="x", workers=1, data=folder / "not-there", sockets=folder, scratch=None)


def _hang_up(listener: socket.socket) -> None:
    with listener:
        listener.accept()[0].close()
