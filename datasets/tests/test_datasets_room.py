"""The cache keeps within its room: what was used longest ago goes, and never what a running task needs."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from datasets_site import Site, data_file
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import DataUnavailable
from openbeam.models import DataFile, file_name
from openbeam_datasets.files import FileCache

KB = 1000


def name(file: DataFile) -> str:
    return file_name(file.checksum, file.size)


class Mirror:
    """A folder that stands in for CERN."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(self, number: int, size: int = KB) -> DataFile:
        path = self.folder / "eos" / "opendata" / f"{number}.root"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = number.to_bytes(4, "big") * (size // 4)
        path.write_bytes(content)
        return data_file(content, f"root://eospublic.cern.ch//eos/opendata/{number}.root")


@pytest.fixture
def mirror(tmp_path: Path) -> Mirror:
    return Mirror(tmp_path / "mirror")


def size_now(path: Path) -> int:
    """Return a file's size, 0 when another thread has just taken it away."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def kept(cache: FileCache, files: list[DataFile]) -> list[int]:
    """Return the numbers of files that are in the cache, without using them."""
    return [number for number, file in enumerate(files) if cache.path(file).exists()]


def test_what_was_used_longest_ago_goes_first(tmp_path: Path, mirror: Mirror) -> None:
    files = [mirror.add(number) for number in range(4)]
    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=3 * KB)
    for file in files[:3]:
        cache.ensure(file)
    cache.ensure(files[0])
    cache.ensure(files[3])
    assert kept(cache, files) == [0, 2, 3]
    cache.ensure(files[1])
    assert kept(cache, files) == [0, 1, 3]


def test_a_beginning_that_nobody_goes_on_with_is_room(tmp_path: Path, mirror: Mirror) -> None:
    files = [mirror.add(0), mirror.add(1)]
    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=2 * KB)
    cache.ensure(files[0])
    begun = tmp_path / "cache" / ".incoming" / "0badf00d-900"
    begun.write_bytes(b"x" * 900)
    os.utime(begun, (1, 1))
    cache.ensure(files[1])
    assert not begun.exists()
    assert kept(cache, files) == [0, 1]


def test_a_file_larger_than_the_whole_room_is_refused_at_once_and_nothing_goes(tmp_path: Path, mirror: Mirror) -> None:
    small, large = mirror.add(0), mirror.add(1, 5 * KB)
    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=3 * KB)
    cache.ensure(small)
    with pytest.raises(DataUnavailable, match="keeps 3,000 bytes of data files at most") as caught:
        cache.ensure(large)
    assert (caught.value.details["needed"], caught.value.details["limit"]) == (5 * KB, 3 * KB)
    assert kept(cache, [small, large]) == [0]


def test_what_running_tasks_need_is_waited_for(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.room.LOOK_SECONDS", 0.01)
    files, needed = [mirror.add(number) for number in range(3)], set()
    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=2 * KB, in_use=lambda: needed)
    for file in files[:2]:
        needed.add(name(cache.ensure(file) and file))
    waits = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(cache.ensure, files[2], lambda done, _: None if done else waits.set())
        assert waits.wait(10)
        assert kept(cache, files) == [0, 1]
        needed.remove(name(files[1]))
        coming.result(10)
    assert kept(cache, files) == [0, 2]


def test_who_waits_for_room_can_be_stopped(tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.room.LOOK_SECONDS", 0.01)
    files = [mirror.add(0), mirror.add(1)]
    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=KB, in_use=lambda: {name(files[0])})
    cache.ensure(files[0])

    def stop(*_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.ensure(files[1], stop)
    assert kept(cache, files) == [0]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 6), st.sets(st.integers(0, 9), max_size=3))
def test_the_cache_is_an_ordered_dictionary_of_so_many(wanted: list[int], room: int, needed: set[int]) -> None:
    """Files of one size against a plain model of least-recently-used with files that stay."""
    with tempfile.TemporaryDirectory() as folder:
        mirror = Mirror(Path(folder) / "mirror")
        files = [mirror.add(number) for number in range(10)]
        stay = {name(files[number]) for number in needed}
        cache = FileCache(Path(folder) / "cache", mirror=str(mirror.folder), limit=room * KB, in_use=lambda: stay)
        model: OrderedDict[int, None] = OrderedDict()
        for number in wanted:
            idle = [other for other in model if other not in needed]
            if number not in model and len(model) == room and not idle:
                continue  # it would wait for a task that does not end
            cache.ensure(files[number])
            if number not in model and len(model) == room:
                del model[idle[0]]
            model[number] = None
            model.move_to_end(number)
            assert kept(cache, files) == sorted(model)
        assert sum(path.stat().st_size for path in cache.folder.glob("*-*")) <= room * KB


def test_threads_that_want_more_than_there_is_room_for_all_get_it(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_datasets.room.LOOK_SECONDS", 0.005)
    files = [mirror.add(number) for number in range(8)]
    lock, held = threading.Lock(), dict.fromkeys((name(file) for file in files), 0)

    def needed() -> set[str]:
        return {one for one, count in held.items() if count}

    cache = FileCache(tmp_path / "cache", mirror=str(mirror.folder), limit=4 * KB, in_use=needed)
    over = []

    def task(number: int) -> bytes:
        file = files[number % 8]
        with lock:
            held[name(file)] += 1
        try:
            path = cache.ensure(file)
            time.sleep(0.002)
            over.append(sum(size_now(one) for one in cache.folder.glob("*-*")))
            return path.read_bytes()
        finally:
            with lock:
                held[name(file)] -= 1

    # As many at once as there is room for: each needs one file while it runs.
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(task, range(80)))
    assert answers == [(number % 8).to_bytes(4, "big") * (KB // 4) for number in range(80)]
    assert max(over) <= 4 * KB


# ---------------------------------------------------------------------------------------------------- a full disk
@pytest.fixture
def disk() -> Iterator[Path]:
    """A file system of eight megabytes."""
    if os.getuid() != 0 or shutil.which("mount") is None:
        pytest.skip("ONLY ROOT CAN MOUNT: a full disk is not tested")
    folder = Path(tempfile.mkdtemp(prefix="openbeam-disk-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "openbeam", str(folder)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"NOTHING CAN BE MOUNTED HERE: a full disk is not tested ({mounted.stderr.strip()})")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


@pytest.mark.system
def test_a_disk_that_fills_up_in_mid_file_is_a_plain_problem(disk: Path, site: Site) -> None:
    site.slow = threading.Event()
    file = data_file(site.content)
    cache = FileCache(disk / "cache", mirror=site.url)

    def fill(done: int, _: int) -> None:
        if done >= 1_500_000 and site.slow and not site.slow.is_set():
            (disk / "others").write_bytes(bytes(shutil.disk_usage(disk).free - 64 * 1024))
            site.slow.set()

    with pytest.raises(DataUnavailable, match=r"No space left on device\. .*make room"):
        cache.ensure(file, fill)
    assert [path.name for path in (disk / "cache").rglob("*-*") if path.suffix != ".lock"] == []
    (disk / "others").unlink()
    assert cache.ensure(file).read_bytes() == site.content


@pytest.mark.system
def test_a_disk_that_others_fill_takes_room_from_the_cache(disk: Path, mirror: Mirror) -> None:
    files = [mirror.add(number, 2_000_000) for number in range(4)]
    cache = FileCache(disk / "cache", mirror=str(mirror.folder))
    for file in files[:3]:
        cache.ensure(file)
    (disk / "others").write_bytes(bytes(1_500_000))
    cache.ensure(files[3])
    assert kept(cache, files) == [1, 2, 3]
    shutil.rmtree(disk / "cache")
    (disk / "more").write_bytes(bytes(shutil.disk_usage(disk).free - 1_000_000))
    with pytest.raises(DataUnavailable, match=r"needs 2,000,000 bytes, and only .* are free .* Make room"):
        cache.ensure(files[0])
