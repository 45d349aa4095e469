"""What a hostile function may try, against every isolation that this machine has.

Nothing gets out, the owner reads a plain sentence, and the next task runs: in the same engine, or in the one that the
agent starts when an attack took the engine down.
"""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from openbeam.models import CallBody, CallResult, Isolation, TaskProblem
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox import bubblewrap, docker

WORKS = {Isolation.bubblewrap: bubblewrap.works, Isolation.docker: docker.works, Isolation.none: lambda: True}
ISOLATIONS = [Isolation.bubblewrap, Isolation.none, pytest.param(Isolation.docker, marks=pytest.mark.system)]
SECRET = "nobody-may-read-this"
FINE = "def f(**world):\n    return 1"

# Whoever runs this by mistake outside of a sandbox gets an exception and keeps their processes.
CAUTION = """
import os, signal, socket, sys, time
def alone():
    assert os.getuid() == 65534 and sum(name.isdigit() for name in os.listdir("/proc")) < 60, "not in a sandbox"
"""
EVIL = """
class Evil:
    def __reduce__(self):
        return (os.system, ("touch " + mark,))
"""


@dataclass(frozen=True)
class Attack:
    """Code that tries something, and what becomes of it."""

    source: str
    kinds: set[str] = field(default_factory=set)
    """Kinds of problem that may be the answer; without any, it is a value: what the attack achieved."""
    value: object = None
    walled: bool = False
    """It needs walls: without isolation it would do what it tries."""
    survives: bool = True
    """The same engine goes on."""
    timeout: float = 20.0


RAISED, KILLED, LATE, REFUSED, FAULT = "FunctionRaised", "WorkerKilled", "TimedOut", "ResultRefused", "EngineFault"

ATTACKS = {
    "endless loop": Attack("def f(**_):\n    while True:\n        pass", {LATE}, timeout=1),
    "endless loop that ignores signals": Attack(
        "    for n in set(range(1, 32)) - {9, 19}:\n        signal.signal(n, signal.SIG_IGN)\n"
        "    while True:\n        pass",
        {LATE},
        timeout=1,
    ),
    "threads without end": Attack(
        "    import threading\n    while True:\n"
        "        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
        {RAISED, LATE},
        timeout=3,
    ),
    "endless output": Attack("    while True:\n        os.write(1, b'\\x1b[2J' * 9999)", {LATE}, timeout=2),
    "all memory": Attack("    return len(bytearray(64 << 30))", {KILLED}),
    "memory, bit by bit": Attack(
        "    kept = []\n    while True:\n        kept.append(bytes([1]) * (1 << 24))", {KILLED, RAISED}
    ),
    "fork bomb": Attack(
        "    alone()\n    for _ in range(1500):\n        os.fork() or time.sleep(60)\n    time.sleep(20)",
        {RAISED, FAULT},
        walled=True,
        survives=False,
    ),
    "fill the temporary folder": Attack(
        "    i = 0\n    while True:\n        i += 1\n        with open(f'x{i}', 'wb') as file:\n"
        "            file.write(bytes(1 << 24))",
        {RAISED},
        walled=True,
    ),
    "fill shared memory": Attack(
        "    with open('/dev/shm/x', 'wb') as file:\n        while True:\n            file.write(bytes(1 << 24))",
        {RAISED},
        walled=True,
    ),
    "write to the data and the system": Attack(
        "    done = []\n    for path in (world['data'], '/engine/data/x', '/usr/x', '/etc/x', sys.prefix + '/x'):\n"
        "        try:\n            open(path, 'ab').close()\n            done.append(path)\n"
        "        except OSError:\n            pass\n    return done",
        value=[],
        walled=True,
    ),
    "read secrets": Attack(
        """    found = []
    places = ['/etc/shadow', '/etc/passwd', '/root', '/home', '/run/docker.sock', '/proc/1/environ']
    for path in [world['secret'], *places]:
        try:
            seen = os.listdir(path) if os.path.isdir(path) else open(path, errors='replace').read()
        except OSError:
            continue
        found += [path] if path.startswith('/etc') or world['word'] in str(seen) else []
    return found, world['word'] in str(dict(os.environ))""",
        value=[[], False],
        walled=True,
    ),
    "call out": Attack(
        "    done = []\n    for host, port in (('127.0.0.1', world['port']), ('1.1.1.1', 53), ('8.8.8.8', 443)):\n"
        "        try:\n            socket.create_connection((host, port), 1).close()\n            done.append(host)\n"
        "        except OSError:\n            pass\n    return done",
        value=[],
        walled=True,
    ),
    "call the agent": Attack(
        "    found = [os.path.join(top, name) for top, _, names in os.walk('/engine') for name in names]\n"
        "    return [path for path in found if path.endswith('.sock')]",
        value=[],
        walled=True,
    ),
    "a result that runs when it is opened": Attack("    return Evil()", {REFUSED}),
    "an exception that runs when it is opened": Attack(
        "    class Raised(Evil, Exception):\n        pass\n    raise Raised('\\x1b[2J' * 99)", {RAISED}
    ),
    "kill itself": Attack("    os.kill(os.getpid(), 9)", {KILLED}),
    "kill its parent": Attack("    os.kill(os.getppid(), 9)\n    time.sleep(9)", {FAULT, KILLED}, survives=False),
    "kill all": Attack(
        "    alone()\n    os.kill(-1, signal.SIGKILL)\n    os.kill(os.getpid(), 9)",
        {FAULT, KILLED},
        walled=True,
        survives=False,
    ),
    "raw messages to whoever listens": Attack(
        """    alone()
    import pickle
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    raw = (pickle.dumps(Evil()), b'\\xff' * 9999, os.urandom(9999), b'{"task": "x"}')
    tables = [line.split() for name in ('tcp', 'tcp6') for line in list(open(f'/proc/net/{name}'))[1:]]
    places = {('127.0.0.1', int(row[1].split(':')[1], 16)) for row in tables}
    places |= {line.split()[7] for line in list(open('/proc/net/unix'))[1:] if len(line.split()) > 7}
    reached = 0
    for place in places:
        for message in raw:
            try:
                with socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET) as line:
                    line.settimeout(1)
                    line.connect(place)
                    line.sendall(b'\\xff\\0\\0\\0\\0\\0\\0\\0\\x01\\x7f\\x03\\0NULL' + bytes(48))  # ZMTP
                    line.sendall(message)
                    reached += 1
            except OSError:
                pass
    return reached > 3""",
        value=True,
        walled=True,
    ),
    "orders to who forks the workers": Attack(
        """    alone()
    import pickle
    from multiprocessing.reduction import sendfds
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    class Order:
        def __reduce__(self):
            return (open, ('/tmp/obeyed', 'w'))
    places = {line.split()[7] for line in open('/proc/net/unix') if '/listener-' in line}
    for place in places:
        for order in (b'', os.urandom(9999), pickle.dumps(Order())):
            ours, theirs = os.pipe(), os.pipe()
            os.write(ours[1], order)
            try:
                with socket.socket(socket.AF_UNIX) as line:
                    line.connect(place)
                    if b'obeyed' in order:
                        sendfds(line, [ours[0], theirs[1], theirs[0], ours[1]])
                    else:
                        line.sendall(order)
            except OSError:
                pass
    time.sleep(0.5)
    return len(places) > 0, os.path.exists('/tmp/obeyed')""",
        value=[True, False],
        walled=True,
    ),
}


class World:
    """A machine with something to steal and somebody to kill. An engine that falls is replaced, as by the agent."""

    def __init__(self, home: Path, isolation: Isolation) -> None:
        self.home, self.isolation = home, isolation
        self.files = home / "files"
        self.files.mkdir()
        self.data = self.files / "00000001-5"
        self.data.write_text("12345")
        self.data.chmod(0o644)
        self.secret = home / "secret"
        self.secret.write_text(SECRET)
        self.mark = home / "pwned"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.victim = subprocess.Popen(["sleep", "600"])
        self.engine = self._engine()

    def _engine(self) -> Engine:
        engine = Engine(name="hostile", data=self.files, workers=2, isolation=self.isolation)
        engine.start()
        return engine

    def close(self) -> None:
        self.engine.close()
        self.listener.close()
        self.victim.kill()
        self.victim.wait()

    def run(self, source: str, timeout: float) -> EngineReply:
        if source.startswith("def "):
            code = source
        else:
            code = f"{CAUTION}mark = {str(self.mark)!r}\n{EVIL}\ndef f(**world):\n{source}\n"
        given = {"data": str(self.data), "secret": str(self.secret), "word": SECRET}
        body = CallBody(name="evil", entrypoint="f", args=[], kwargs={**given, "port": self.listener.getsockname()[1]})
        replies: list[EngineReply] = []
        done = threading.Event()

        def answer(reply: EngineReply) -> None:
            replies.append(reply)
            done.set()

        self.engine.submit("task", pack(code.encode(), body.model_dump_json().encode()), timeout, answer)
        assert done.wait(90), "no answer"
        return replies[0]

    def next_task(self) -> int:
        """Return how many engines it took to run a harmless task."""
        for count in range(1, 4):
            if self.engine.healthy:
                reply = self.run(FINE, 20)
                if reply.body is not None:
                    return count
                assert reply.problem is not None
                assert reply.problem.retry, reply.problem
            self.engine.close()
            self.engine = self._engine()
        raise AssertionError("no harmless task runs any more")

    def untouched(self) -> bool:
        """Tell whether nothing got out."""
        self.listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            self.listener.accept()
        return (
            self.victim.poll() is None
            and self.data.read_text() == "12345"
            and self.secret.read_text() == SECRET
            and sorted(path.name for path in self.home.iterdir()) == ["files", "secret"]
            and list(self.files.iterdir()) == [self.data]
        )


@pytest.fixture(scope="module", params=ISOLATIONS, ids=str)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if request.param is Isolation.docker:
        request.getfixturevalue("docker_engine")
    if not WORKS[request.param]():
        pytest.skip(f"{request.param} does not work here".upper())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBEAM_TEST_SECRET", SECRET)
        with closing(World(tmp_path_factory.mktemp("world"), request.param)) as world:
            yield world


def plain(problem: TaskProblem) -> bool:
    """Tell whether somebody who does not know the machinery can read it: one sentence or two, on one line."""
    return bool(re.fullmatch(r"[^\n]{10,1000}", problem.message)) and "Traceback" not in problem.message


@pytest.mark.parametrize("name", ATTACKS)
def test_nothing_gets_out_and_the_next_task_runs(world: World, name: str) -> None:
    attack = ATTACKS[name]
    if attack.walled and world.isolation is Isolation.none:
        pytest.skip("isolation none has no walls: it serves its owner only")
    reply = world.run(attack.source, attack.timeout)
    ended = time.monotonic()
    if attack.kinds:
        assert reply.problem is not None, reply.body
        assert reply.problem.kind in attack.kinds, reply.problem
        assert plain(reply.problem), reply.problem
    else:
        assert reply.body is not None, reply.problem
        assert json.loads(json.dumps(CallResult.model_validate_json(reply.body).value)) == attack.value
    engines = world.next_task()
    print(f"next task after {time.monotonic() - ended:.2f} s: {name} ({world.isolation})")
    assert engines == 1 or not attack.survives
    assert world.untouched()


def test_a_process_of_the_machine_cannot_be_signalled(world: World) -> None:
    if world.isolation is Isolation.none:
        pytest.skip("isolation none has no walls: it serves its owner only")
    source = f"    alone()\n    try:\n        os.kill({world.victim.pid}, {int(signal.SIGTERM)})\n"
    source += "    except OSError:\n        return 'no'"
    reply = world.run(source, 10)
    assert reply.body is not None
    assert CallResult.model_validate_json(reply.body).value == "no"
    assert world.victim.poll() is None
