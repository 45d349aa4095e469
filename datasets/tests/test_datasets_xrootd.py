"""Files come over XRootD too: from a real server of Debian's package xrootd-server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam.errors import DataUnavailable
from openbeam.models import DataFile
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record

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
"""


@pytest.fixture
def shown() -> Iterator[Path]:
    """Return a folder that a server without rights can read: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="openbeam-xrootd-"))
    for name in ("adm", "run", "ns/eos/opendata/lab", "ns/site/eos/opendata/lab"):
        (folder / name).mkdir(parents=True)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def server(shown: Path, zmumu: Path) -> Iterator[str]:
    """Return the address of a running server."""
    program = shutil.which("xrootd")
    if program is None:
        pytest.skip("XROOTD IS NOT HERE: reading over root:// is not tested; on Debian: apt-get install xrootd-server")
    for top in ("ns", "ns/site"):
        shutil.copy(zmumu, shown / top / PATH)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (shown / "config").write_text(CONFIG.format(home=shown, port=port))
    # The server refuses to be root.
    other = ["-R", "nobody"] if os.getuid() == 0 else []
    if other:
        shutil.chown(shown / "adm", "nobody")
        shutil.chown(shown / "run", "nobody")
    shown.chmod(0o755)
    running = subprocess.Popen(
        [program, *other, "-c", str(shown / "config"), "-I", "v4"],
        stdout=subprocess.DEVNULL,
        stderr=(shown / "log").open("w"),
        cwd=shown,
        start_new_session=True,
    )
    end = time.monotonic() + 20
    while socket.socket().connect_ex(("127.0.0.1", port)) and time.monotonic() < end and running.poll() is None:
        time.sleep(0.1)
    assert running.poll() is None, (shown / "log").read_text()
    yield f"root://127.0.0.1:{port}"
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def on_eos() -> DataFile:
    (file,) = load_record("cms-2010-zmumu").files
    return file.model_copy(update={"uri": f"root://eospublic.cern.ch//{PATH}"})


@pytest.mark.parametrize("prefix", ["", "//site"])
def test_a_mirror_that_speaks_xrootd(tmp_path: Path, server: str, zmumu: Path, prefix: str) -> None:
    assert FileCache(tmp_path, mirror=server + prefix).ensure(on_eos()).read_bytes() == zmumu.read_bytes()


@pytest.mark.parametrize(("folder", "reason"), [("site/none", "no such file"), ("elsewhere", "disallowed")])
def test_a_file_that_is_not_there(
    tmp_path: Path, server: str, folder: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.FIRST_PAUSE", 20.0)
    begin = time.monotonic()
    with pytest.raises(DataUnavailable, match=reason):
        FileCache(tmp_path, mirror=f"{server}//{folder}").ensure(on_eos())
    assert time.monotonic() - begin < 15


def test_a_server_that_is_not_there(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.ATTEMPTS", 1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        begin = time.monotonic()
        with pytest.raises(DataUnavailable, match="could not be had from root://"):
            FileCache(tmp_path, mirror=f"root://127.0.0.1:{closed.getsockname()[1]}").ensure(on_eos())
    assert time.monotonic() - begin < 20
    assert server
