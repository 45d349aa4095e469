"""Outputs to users' own places on a real XRootD server that tells its users apart, each with a credential of theirs."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest
from endpoint_kit import Site, until
from openbeam import Client
from openbeam.errors import OutputNotStored
from openbeam.models import FunctionSpec, SealedSecret
from openbeam_endpoint import config as settings
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.stageout import xrootd
from openbeam_endpoint.stageout.intake import Received
from support.ports import free_port

pytestmark = pytest.mark.system

PEOPLE = ("ada", "bob")
SIZE = 4_000_000
SKIM = """
def f(size):
    with open("outputs/skim.bin", "wb") as file:
        file.write(b"beam" * (size // 4))
    open("outputs/empty.txt", "w").close()
"""
# A function that looks for anything of a credential: in its environment, its files, and every process that it can see.
NOSY = """
import os, pathlib, re

def f():
    open("outputs/skim.bin", "w").write("x")
    seen = repr(dict(os.environ))
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        for name in ("environ", "cmdline", "maps"):
            try:
                seen += (process / name).read_text(errors="replace")
            except OSError:
                pass
        try:
            seen += " ".join(os.readlink(one) for one in (process / "fd").iterdir())
        except OSError:
            pass
    for top in ("/tmp", "/engine/agent", "/dev/shm"):
        for folder, below, names in os.walk(top):
            # What is mounted from outside is the machine's programs.
            below[:] = [one for one in below if os.stat(f"{folder}/{one}").st_dev == os.stat(top).st_dev]
            for path in (pathlib.Path(folder, name) for name in names):
                try:
                    seen += path.read_text(errors="replace") if path.is_file() else ""
                except OSError:
                    pass
    marks = ("XrdSec" + "SSSKT", "sealing" + ".jwk", "memfd:" + "credential", "g:users " + "n:")
    return len(seen) > 100, [mark for mark in marks if mark in seen]
"""
CONFIG = """
all.role server
all.adminpath {home}/adm
all.pidpath {home}/run
oss.localroot {home}/ns
all.export /eos
xrd.port {port}
xrd.network nodnr
ofs.persist auto
xrootd.seclib libXrdSec.so
sec.protocol sss -s {home}/server.keytab
sec.protbind * only sss
ofs.authorize 1
acc.authdb {home}/authdb
{more}
"""


@dataclass
class Server:
    """An XRootD server where each person has a folder that nobody else may write to."""

    home: Path
    port: int
    keytabs: dict[str, str]
    process: subprocess.Popen[bytes]

    def place(self, person: str) -> str:
        return f"root://127.0.0.1:{self.port}//eos/user/{person}"

    def files(self) -> dict[str, bytes]:
        root = self.home / "ns" / "eos" / "user"
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def _keytab(home: Path) -> dict[str, str]:
    """Make the server's keys; return the line of each person, which is all that they have of it."""
    for person in PEOPLE:
        command = ["xrdsssadmin", "-k", person, "-u", person, "-g", "users", "add", str(home / "server.keytab")]
        subprocess.run(command, input=b"y\n", check=True, capture_output=True)
    lines = (home / "server.keytab").read_text().splitlines()
    return {person: next(line for line in lines if f" u:{person} " in line) for person in PEOPLE}


def _start(home: Path, *, sums: bool) -> Server:
    for name in ("adm", "run", *(f"ns/eos/user/{person}" for person in PEOPLE)):
        (home / name).mkdir(parents=True)
    keytabs = _keytab(home)
    (home / "authdb").write_text("".join(f"u {person} /eos/user/{person} a\n" for person in PEOPLE))
    port = free_port()
    more = "xrootd.chksum max 2 adler32" if sums else ""
    (home / "config").write_text(CONFIG.format(home=home, port=port, more=more))
    home.chmod(0o755)
    other = []
    if os.getuid() == 0:
        # The server refuses to be root.
        other = ["-R", "nobody"]
        subprocess.run(["chown", "-R", "nobody", str(home)], check=True)
    with (home / "log").open("w") as log:
        command = [shutil.which("xrootd") or "xrootd", *other, "-c", str(home / "config"), "-I", "v4"]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, start_new_session=True)

    def answers() -> bool:
        assert process.poll() is None, (home / "log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    until(answers, 30)
    return Server(home, port, keytabs, process)


@contextmanager
def started(*, sums: bool) -> Iterator[Server]:
    if shutil.which("xrootd") is None or shutil.which("xrdsssadmin") is None:
        pytest.skip("XROOTD IS NOT HERE: outputs over root:// are not tested; on Debian: apt-get install xrootd-server")
    # pytest's own folders are closed to others, as whom the server runs.
    home = Path(tempfile.mkdtemp(prefix="openbeam-xrootd-"))
    server = _start(home, sums=sums)
    yield server
    server.process.kill()
    server.process.wait()
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with started(sums=True) as server:
        yield server


@pytest.fixture(scope="module")
def people(site: Site, server: Server) -> Iterator[dict[str, Client]]:
    """Two people with a credential of theirs each, at one running endpoint."""
    folder = Folder(site.home / "endpoints" / "lab")
    assert site.run("openbeam-endpoint", "configure", "lab", "--public").returncode == 0
    settings.change(folder.config_path, {"output_hosts": [f"127.0.0.1:{server.port}"]})
    with site.client() as operator:
        for name, source in (("skim", SKIM), ("nosy", NOSY)):
            operator.publish_function(FunctionSpec(name=name, source=source, entrypoint="f", visibility="public"))
    clients = {}
    with site.agent() as agent:
        until(lambda: agent.says("ready isolation"), 90)
        for person in PEOPLE:
            site.run("openbeam-service", "user", "add", person, "--role", "student")
            clients[person] = site.client(site.run("openbeam-service", "token", person).stdout.strip())
            add(clients[person], server, "eos", server.place(person), server.keytabs[person])
        yield clients
        written = "\n".join(agent.lines) + folder.log_path.read_text()
        assert not [person for person in PEOPLE if _key(server.keytabs[person]) in written]
    for client in clients.values():
        client.close()


def add(client: Client, server: Server, name: str, destination: str, keytab: str) -> None:
    assert server.process.poll() is None
    client.add_credential(name, endpoint="lab", destination=destination, kind="sss", secret=keytab + "\n")


def _key(line: str) -> str:
    found = re.search(r" k:(\w+)", line)
    assert found is not None
    return found[1]


def run(client: Client) -> str:
    task_id = client.run(SIZE, function_id="skim", endpoint_id="lab", outputs_to="eos")
    client.get_result(task_id)
    return task_id


def test_each_persons_outputs_are_in_their_own_place(server: Server, people: dict[str, Client]) -> None:
    content = b"beam" * (SIZE // 4)
    for person, client in people.items():
        task_id = run(client)
        stored = {one.name: one for one in client.get_task(task_id).outputs}
        files = server.files()
        assert files[f"{person}/{task_id}/skim.bin"] == content
        assert files[f"{person}/{task_id}/empty.txt"] == b""
        assert stored["skim.bin"].uri == f"{server.place(person)}/{task_id}/skim.bin"
        assert stored["skim.bin"].checksum == f"adler32:{zlib.adler32(content):08x}"
        assert _uses(client, task_id) == 1
    assert not [name for name in server.files() if "/." in name]


def _uses(client: Client, task_id: str) -> int:
    return sum(entry.details.get("task") == task_id for entry in client.audit(action="credential.use"))


def test_nobody_writes_into_anothers_place(server: Server, people: dict[str, Client]) -> None:
    before = server.files().keys()
    ada = people["ada"]
    # Her own key, and his folder.
    add(ada, server, "eos", server.place("bob"), server.keytabs["ada"])
    task_id = ada.run(8, function_id="skim", endpoint_id="lab", outputs_to="eos")
    with pytest.raises(OutputNotStored, match="permission denied"):
        ada.get_result(task_id)
    assert ada.get_task(task_id).attempts == 1
    add(ada, server, "eos", server.place("ada"), server.keytabs["ada"])
    assert server.files().keys() == before


def test_a_function_finds_nothing_of_a_credential(people: dict[str, Client]) -> None:
    ada, bob = people["ada"], people["bob"]
    # While another one's outputs are on their way.
    other = bob.run(SIZE, function_id="skim", endpoint_id="lab", outputs_to="eos")
    task_id = ada.run(function_id="nosy", endpoint_id="lab", outputs_to="eos")
    assert ada.get_result(task_id) == [True, []]
    bob.get_result(other)


def opened(server: Server) -> SealedSecret:
    about = {"user_id": "u", "endpoint_id": "e", "name": "eos", "kind": "sss", "secret": server.keytabs["ada"] + "\n"}
    return SealedSecret.model_validate({**about, "destination": server.place("ada")})


def test_a_server_that_keeps_no_sums_has_the_file_read_again(tmp_path: Path) -> None:
    with started(sums=False) as server:
        good = received(tmp_path, "a", b"beam" * 2_000_000)
        (sent,) = asyncio.run(xrootd.send([good], opened(server), "task"))
        assert (sent.size, sent.checksum) == (8_000_000, good.checksum)
        with pytest.raises(OutputNotStored, match="checksum"):
            asyncio.run(xrootd.send([replace(good, checksum="adler32:00000001")], opened(server), "task"))
        assert server.files() == {}


def test_what_an_earlier_try_has_left_goes(server: Server, tmp_path: Path) -> None:
    secret = opened(server)
    asyncio.run(xrootd.send([received(tmp_path, "a", b"first"), received(tmp_path, "b", b"first")], secret, "again"))
    (sent,) = asyncio.run(xrootd.send([received(tmp_path, "a", b"second")], secret, "again"))
    assert sent.uri == f"{server.place('ada')}/again/a"
    assert {name: text for name, text in server.files().items() if "again" in name} == {"ada/again/a": b"second"}
    spoiled = replace(received(tmp_path, "a", b"third"), checksum="adler32:00000001")
    with pytest.raises(OutputNotStored, match="checksum"):
        asyncio.run(xrootd.send([received(tmp_path, "b", b"fine"), spoiled], secret, "again"))
    assert not [name for name in server.files() if "again" in name]


def received(folder: Path, name: str, content: bytes) -> Received:
    path = folder / f"{name}-{len(content)}"
    path.write_bytes(content)
    return Received(name, path, len(content), f"adler32:{zlib.adler32(content):08x}", sha256(content).hexdigest())


def test_a_server_that_is_gone_is_a_plain_problem(server: Server, people: dict[str, Client]) -> None:
    server.process.kill()
    server.process.wait()
    task_id = people["bob"].run(8, function_id="skim", endpoint_id="lab", outputs_to="eos")
    with pytest.raises(OutputNotStored, match="could not be stored"):
        people["bob"].get_result(task_id, timeout=120)
