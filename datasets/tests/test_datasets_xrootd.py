"""Files come over XRootD too: from a real server, Debian's xrootd-server, with real files at their EOS paths."""

from __future__ import annotations

import csv
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from datasets_site import Site, data_file
from openbeam.errors import ChecksumMismatch, DataUnavailable
from openbeam.models import DataFile
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record
from support.ports import free_port

pytestmark = pytest.mark.system

PATH = "eos/opendata/lab/Zmumu.root"

CONFIG = """
all.role server
all.adminpath {home}/adm
all.pidpath {home}/run
oss.localroot {home}/ns
all.export /eos r/o
all.export /site r/o
xrd.port {port}
xrd.network nodnr
ofs.persist off
if exec xrootd
  xrd.protocol XrdHttp libXrdHttp.so
fi
"""


@pytest.fixture
def shown() -> Iterator[Path]:
    """Return a folder that a server without rights can read: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="openbeam-xrootd-"))
    for name in ("adm", "run", "ns/eos/opendata/lab", "ns/site/eos/opendata/lab"):
        (folder / name).mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@dataclass
class Server:
    """An XRootD server, which may be killed and started again."""

    folder: Path
    port: int
    running: subprocess.Popen[bytes] | None = None

    def __str__(self) -> str:
        return f"root://127.0.0.1:{self.port}"

    def start(self) -> None:
        program = shutil.which("xrootd")
        assert program is not None
        # The server refuses to be root.
        other = ["-R", "nobody"] if os.getuid() == 0 else []
        self.running = subprocess.Popen(
            [program, *other, "-c", str(self.folder / "config"), "-I", "v4"],
            stdout=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("w"),
            cwd=self.folder,
            start_new_session=True,
        )
        end = time.monotonic() + 20
        while not self.answers() and time.monotonic() < end and self.running.poll() is None:
            time.sleep(0.1)
        assert self.running.poll() is None, (self.folder / "log").read_text()

    def answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        assert self.running is not None
        os.killpg(self.running.pid, signal.SIGKILL)
        self.running.wait()


@pytest.fixture
def server(shown: Path, zmumu: Path) -> Iterator[Server]:
    """Return a running server."""
    if shutil.which("xrootd") is None:
        pytest.skip("XROOTD IS NOT HERE: reading over root:// is not tested; on Debian: apt-get install xrootd-server")
    for top in ("ns", "ns/site"):
        shutil.copy(zmumu, shown / top / PATH)
    port = free_port()
    (shown / "config").write_text(CONFIG.format(home=shown, port=port))
    if os.getuid() == 0:
        shutil.chown(shown / "adm", "nobody")
        shutil.chown(shown / "run", "nobody")
    shown.chmod(0o755)
    server = Server(shown, port)
    server.start()
    yield server
    server.kill()


@pytest.fixture
def real(shown: Path, server: Server, opendata: Path) -> list[DataFile]:
    """Return real files of CERN Open Data, which the server has at their official paths."""
    assert server.answers()
    for folder in (opendata / "eos" / "opendata").iterdir():
        shutil.copytree(folder, shown / "ns" / "eos" / "opendata" / folder.name)
    with (opendata / "MANIFEST.tsv").open(newline="") as manifest:
        rows = [row for row in csv.DictReader(manifest, delimiter="\t") if row["file"].startswith("eos/")]
    return [
        DataFile(uri=f"root://eospublic.cern.ch//{row['file']}", size=int(row["bytes"]), checksum=row["adler32"])
        for row in rows
    ]


def on_eos() -> DataFile:
    (file,) = load_record("cms-2010-zmumu").files
    return file.model_copy(update={"uri": f"root://eospublic.cern.ch//{PATH}"})


@pytest.mark.parametrize("prefix", ["", "//site"])
def test_a_mirror_that_speaks_xrootd(tmp_path: Path, server: Server, zmumu: Path, prefix: str) -> None:
    assert FileCache(tmp_path, mirror=f"{server}{prefix}").ensure(on_eos()).read_bytes() == zmumu.read_bytes()


@pytest.mark.parametrize(("folder", "reason"), [("site/none", "no such file"), ("elsewhere", "disallowed")])
def test_a_file_that_is_not_there(
    tmp_path: Path, server: Server, folder: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.FIRST_PAUSE", 20.0)
    begin = time.monotonic()
    with pytest.raises(DataUnavailable, match=reason):
        FileCache(tmp_path, mirror=f"{server}//{folder}").ensure(on_eos())
    assert time.monotonic() - begin < 15


def test_a_server_that_is_not_there(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.ATTEMPTS", 1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        begin = time.monotonic()
        with pytest.raises(DataUnavailable, match="could not be had from root://"):
            FileCache(tmp_path, mirror=f"root://127.0.0.1:{closed.getsockname()[1]}").ensure(on_eos())
    assert time.monotonic() - begin < 20
    assert server


@pytest.mark.opendata
@pytest.mark.parametrize("scheme", ["root", "http"])
def test_real_files_come_from_their_official_paths(
    tmp_path: Path, server: Server, real: list[DataFile], opendata: Path, scheme: str
) -> None:
    cache = FileCache(tmp_path, mirror=f"{scheme}://127.0.0.1:{server.port}")
    assert len(real) > 10
    for file in real:
        there = opendata / file.uri.removeprefix("root://eospublic.cern.ch//")
        assert cache.ensure(file).read_bytes() == there.read_bytes()


def large(real: list[DataFile]) -> DataFile:
    return max(real, key=lambda file: file.size)


@pytest.mark.opendata
@pytest.mark.usefixtures("quick")
def test_xrootd_goes_on_where_https_broke(
    tmp_path: Path, server: Server, real: list[DataFile], opendata: Path, site: Site
) -> None:
    file = large(real)
    there = opendata / file.uri.removeprefix("root://eospublic.cern.ch//")
    site.content, site.path = there.read_bytes(), "/" + file.uri.partition(".ch//")[2]
    site.faults = ["hang up", *["503"] * 9]
    came: list[int] = []
    cache = FileCache(tmp_path, mirror=f"{site.url},{server}")
    path = cache.ensure(file, lambda done, _: came.append(done))
    assert path.read_bytes() == site.content
    assert came == sorted(came)


@pytest.mark.usefixtures("quick")
def test_a_server_that_is_killed_in_mid_file_and_comes_back(tmp_path: Path, server: Server, shown: Path) -> None:
    content, came = os.urandom(40_000_000), []  # many times what the client reads ahead
    (shown / "ns" / PATH).write_bytes(content)

    def kill(done: int, _: int) -> None:
        if not came:
            server.kill()
            server.start()
        came.append(done)

    file = data_file(content, f"root://eospublic.cern.ch//{PATH}")
    assert FileCache(tmp_path, mirror=str(server)).ensure(file, kill).read_bytes() == content
    assert came == sorted(came)


@pytest.mark.opendata
def test_wrong_bytes_over_xrootd_are_not_kept(
    tmp_path: Path, server: Server, real: list[DataFile], shown: Path
) -> None:
    file = large(real)
    there = shown / "ns" / file.uri.removeprefix("root://eospublic.cern.ch//")
    there.write_bytes(there.read_bytes()[::-1])
    cache = FileCache(tmp_path, mirror=str(server))
    with pytest.raises(ChecksumMismatch):
        cache.ensure(file)
    assert not cache.path(file).exists()


@pytest.mark.usefixtures("quick")
def test_a_server_that_takes_a_call_and_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.ATTEMPTS", 1)
    monkeypatch.setattr("openbeam_datasets.fetch.XROOTD_SECONDS", 2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(DataUnavailable, match="could not be had from root://"):
            FileCache(tmp_path, mirror=f"root://127.0.0.1:{silent.getsockname()[1]}").ensure(on_eos())
