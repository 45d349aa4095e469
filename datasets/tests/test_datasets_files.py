"""The file cache gives whole, verified files or a plain reason; never half a file, never two downloads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from datasets_site import EOS, KEY, PATH, Site, data_file
from openbeam.errors import ChecksumMismatch, DataUnavailable, NotSignedIn, ServiceUnavailable
from openbeam.models import DataFile, file_name
from openbeam_datasets.files import FileCache
from openbeam_datasets.locate import ServiceFiles
from openbeam_datasets.record import load_record


def names(folder: Path) -> list[str]:
    """What a reader of the cache can see."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in (folder / ".incoming").iterdir() if path.suffix != ".lock"]


def test_a_file_comes_once_and_is_read_only(tmp_path: Path, site: Site) -> None:
    file, seen = data_file(site.content), []
    cache = FileCache(tmp_path, mirror=site.url)
    assert not cache.holds(file)
    path = cache.ensure(file, lambda done, total: seen.append((done, total)))
    assert path == tmp_path / file_name(file.checksum, file.size)
    assert path.read_bytes() == site.content
    assert path.stat().st_mode & 0o777 == 0o444
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (file.size, file.size)
    assert cache.ensure(file) == path
    assert len(site.requests) == 1
    assert leftovers(tmp_path) == []


def test_from_an_installed_package(tmp_path: Path) -> None:
    (file,) = load_record("cms-2010-zmumu").files
    assert FileCache(tmp_path).ensure(file).stat().st_size == 178_971


def test_from_a_folder(tmp_path: Path) -> None:
    content = b"x" * 1000
    there = tmp_path / "mirror" / PATH[1:]
    there.parent.mkdir(parents=True)
    there.write_bytes(content)
    cache = FileCache(tmp_path / "cache", mirror=str(tmp_path / "mirror"))
    path = cache.ensure(data_file(content))
    assert path.read_bytes() == content
    there.unlink()
    assert cache.ensure(data_file(content)) == path
    other = data_file(b"other")
    with pytest.raises(DataUnavailable, match=r"could not be had from .*No such file") as caught:
        cache.ensure(other)
    assert caught.value.details["uri"] == EOS


def test_from_the_service_with_a_token(tmp_path: Path, site: Site) -> None:
    site.path = f"/api/v1/files/{KEY}"
    cache = FileCache(tmp_path, service=ServiceFiles(site.url, lambda: "secret"))
    cache.ensure(data_file(site.content, f"openbeam://files/{KEY}"))
    assert site.requests[0]["authorization"] == "Bearer secret"


def test_a_token_does_not_follow_redirects(tmp_path: Path, site: Site) -> None:
    site.faults = ["302"]
    cache = FileCache(tmp_path, service=ServiceFiles(site.url, lambda: "secret"))
    with pytest.raises(DataUnavailable, match="302"):
        cache.ensure(data_file(site.content, f"openbeam://files/{KEY}"))
    assert len(site.requests) == 1


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("error", [NotSignedIn("The token is revoked."), ServiceUnavailable("No answer.")])
def test_no_token_no_file(tmp_path: Path, site: Site, error: Exception) -> None:
    def token() -> str:
        raise error

    cache = FileCache(tmp_path, service=ServiceFiles(site.url, token))
    with pytest.raises(DataUnavailable, match=str(error).rstrip(".")):
        cache.ensure(data_file(site.content, f"openbeam://files/{KEY}"))
    assert site.requests == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fault", ["429", "503", "500", "hang up"])
def test_passing_faults_pass(tmp_path: Path, site: Site, fault: str) -> None:
    site.faults = [fault, fault]
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content)).read_bytes() == site.content
    assert len(site.requests) == 3


@pytest.mark.usefixtures("quick")
def test_a_broken_connection_is_taken_up_where_it_broke(tmp_path: Path, site: Site) -> None:
    site.faults = ["hang up"]
    FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content))
    assert [request.get("range") for request in site.requests] == [None, "bytes=1500000-"]


@pytest.mark.usefixtures("quick")
def test_a_server_without_ranges_starts_again(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.faults = ["hang up"]
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content)).read_bytes() == site.content


@pytest.mark.usefixtures("quick")
def test_a_server_that_always_hangs_up_is_given_up(tmp_path: Path, site: Site) -> None:
    site.ranges = False
    site.faults = ["hang up"] * 50
    with pytest.raises(DataUnavailable):
        FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content))
    assert len(site.requests) == 5
    assert names(tmp_path) == []


def test_a_file_that_is_not_there_is_not_asked_for_twice(tmp_path: Path, site: Site) -> None:
    site.path = "/elsewhere"
    with pytest.raises(DataUnavailable, match="404 Not Found") as caught:
        FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content))
    assert "OPENBEAM_OPENDATA_MIRROR" in str(caught.value)
    assert len(site.requests) == 1


@pytest.mark.usefixtures("quick")
def test_nobody_there(tmp_path: Path, site: Site) -> None:
    with pytest.raises(DataUnavailable, match=r"could not be had from http://127\.0\.0\.1:9/") as caught:
        FileCache(tmp_path, mirror="http://127.0.0.1:9").ensure(data_file(site.content))
    assert caught.value.details["uri"] == EOS


def test_a_wrong_checksum(tmp_path: Path, site: Site) -> None:
    file = data_file(site.content[::-1])
    with pytest.raises(ChecksumMismatch, match="not the file on record") as caught:
        FileCache(tmp_path, mirror=site.url).ensure(file)
    right = data_file(site.content).checksum
    assert [caught.value.details[key] for key in ("uri", "expected", "found")] == [EOS, file.checksum, right]
    assert (names(tmp_path), leftovers(tmp_path)) == ([], [])


@pytest.mark.parametrize("fault", ["", "unannounced"])
@pytest.mark.parametrize("off", [-1_500_000, 1])
def test_a_wrong_size(tmp_path: Path, site: Site, fault: str, off: int) -> None:
    file, most = data_file(site.content, size=len(site.content) + off), [0]
    site.faults = [fault]
    with pytest.raises(ChecksumMismatch, match="on record"):
        FileCache(tmp_path, mirror=site.url).ensure(file, lambda done, _: most.append(done))
    assert max(most) <= file.size
    assert (max(most) == 0) == (fault == "")
    assert (names(tmp_path), leftovers(tmp_path)) == ([], [])


def test_an_empty_file(tmp_path: Path, site: Site) -> None:
    site.content = b""
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(b"")).read_bytes() == b""


def test_a_cut_off_copy_is_replaced(tmp_path: Path, site: Site) -> None:
    cache, file = FileCache(tmp_path, mirror=site.url), data_file(site.content)
    cache.path(file).write_bytes(site.content[:100])
    cache.path(file).chmod(0o444)
    assert cache.ensure(file).read_bytes() == site.content


def test_what_came_before_a_stop_is_not_asked_for_again(tmp_path: Path, site: Site) -> None:
    def stop(done: int, _: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    file = data_file(site.content)
    with pytest.raises(KeyboardInterrupt):
        FileCache(tmp_path, mirror=site.url).ensure(file, stop)
    assert names(tmp_path) == []
    begun = (tmp_path / ".incoming" / file_name(file.checksum, file.size)).stat().st_size
    assert FileCache(tmp_path, mirror=site.url).ensure(file).read_bytes() == site.content
    assert site.requests[1]["range"] == f"bytes={begun}-"
    assert leftovers(tmp_path) == []


def test_no_room(tmp_path: Path) -> None:
    huge = DataFile(uri=EOS, size=10**18, checksum="adler32:00000001")
    with pytest.raises(DataUnavailable, match="Make room"):
        FileCache(tmp_path, mirror="http://127.0.0.1:9").ensure(huge)


def test_a_folder_that_cannot_be_written(tmp_path: Path, site: Site) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataUnavailable, match="could not be stored"):
        FileCache(tmp_path / "file", mirror=site.url).ensure(data_file(site.content))


def test_thirty_threads_one_download(tmp_path: Path, site: Site) -> None:
    file = data_file(site.content)
    with ThreadPoolExecutor(30) as pool:
        paths = set(pool.map(lambda _: FileCache(tmp_path, mirror=site.url).ensure(file), range(30)))
    assert paths == {FileCache(tmp_path).path(file)}
    assert len(site.requests) == 1


PROGRAM = """
import sys
from pathlib import Path
from openbeam.models import DataFile
from openbeam_datasets.files import FileCache
print("ready", flush=True)
sys.stdin.readline()
print(FileCache(Path(sys.argv[1]), mirror=sys.argv[2]).ensure(DataFile.model_validate_json(sys.argv[3])))
"""


def program(tmp_path: Path, site: Site) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), site.url, data_file(site.content).model_dump_json()]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    return started


def test_three_processes_one_download(tmp_path: Path, site: Site) -> None:
    running = [program(tmp_path, site) for _ in range(3)]
    answers = {process.communicate("go\n", timeout=60)[0] for process in running}
    assert answers == {f"{FileCache(tmp_path).path(data_file(site.content))}\n"}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(site.requests) == 1


def test_a_killed_process_leaves_no_half_file_and_no_lock(tmp_path: Path, site: Site) -> None:
    site.slow = threading.Event()
    killed = program(tmp_path, site)
    assert killed.stdin
    killed.stdin.write("go\n")
    killed.stdin.flush()
    incoming = tmp_path / ".incoming" / FileCache(tmp_path).path(data_file(site.content)).name
    end = time.monotonic() + 20
    while not (incoming.exists() and incoming.stat().st_size) and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    assert incoming.stat().st_size > 0
    assert names(tmp_path) == []
    site.slow.set()
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content)).read_bytes() == site.content
    assert leftovers(tmp_path) == []
