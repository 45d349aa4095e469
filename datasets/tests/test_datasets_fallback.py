"""A file comes from whichever place has it; the next place goes on where the one before it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from datasets_site import Site, data_file, serving
from openbeam.errors import ChecksumMismatch, DataUnavailable
from openbeam.models import file_name
from openbeam_datasets.files import FileCache

pytestmark = pytest.mark.usefixtures("quick")

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def second(site: Site) -> Iterator[Site]:
    """Another server with the same file."""
    with serving() as served:
        served.content = site.content
        yield served


def asked(site: Site) -> list[str | None]:
    return [request.get("range") for request in site.requests]


def test_a_place_that_is_not_there_is_passed_over(tmp_path: Path, site: Site) -> None:
    file = data_file(site.content)
    cache = FileCache(tmp_path, mirror=f"{NOBODY},{site.url}")
    assert cache.ensure(file).read_bytes() == site.content
    assert asked(site) == [None]


def test_the_next_place_goes_on_where_the_first_one_broke(tmp_path: Path, site: Site, second: Site) -> None:
    site.faults = ["hang up", "503", "503", "503"]
    cache = FileCache(tmp_path, mirror=f"{site.url},{second.url}")
    assert cache.ensure(data_file(site.content)).read_bytes() == site.content
    assert asked(second) == ["bytes=1500000-"]


def test_wrong_bytes_of_one_place_do_not_spoil_the_next(tmp_path: Path, site: Site, second: Site) -> None:
    site.faults = ["wrong"]
    cache = FileCache(tmp_path, mirror=f"{site.url},{second.url}")
    assert cache.ensure(data_file(second.content)).read_bytes() == second.content
    assert asked(second) == [None]


def test_half_a_file_of_wrong_bytes_is_found_out_and_replaced(tmp_path: Path, site: Site) -> None:
    """The place is right, and the sum is wrong because of what was there before."""
    file = data_file(site.content)
    begun = tmp_path / ".incoming" / file_name(file.checksum, file.size)
    begun.parent.mkdir()
    begun.write_bytes(b"?" * 1_000_000)
    cache = FileCache(tmp_path, mirror=site.url)
    assert cache.ensure(file).read_bytes() == site.content
    assert asked(site) == ["bytes=1000000-", None]


def test_more_bytes_than_the_file_has_are_thrown_away(tmp_path: Path, site: Site) -> None:
    file = data_file(site.content)
    begun = tmp_path / ".incoming" / file_name(file.checksum, file.size)
    begun.parent.mkdir()
    begun.write_bytes(site.content + b"?")
    begun.chmod(0o444)
    assert FileCache(tmp_path, mirror=site.url).ensure(file).read_bytes() == site.content
    assert asked(site) == [None]


def test_a_whole_file_that_was_not_renamed_needs_no_server(tmp_path: Path, site: Site) -> None:
    file = data_file(site.content)
    begun = tmp_path / ".incoming" / file_name(file.checksum, file.size)
    begun.parent.mkdir()
    begun.write_bytes(site.content)
    assert FileCache(tmp_path, mirror=NOBODY).ensure(file).read_bytes() == site.content


def test_every_place_is_named_when_none_has_it(tmp_path: Path, site: Site) -> None:
    site.path = "/elsewhere"
    with pytest.raises(DataUnavailable) as caught:
        FileCache(tmp_path, mirror=f"{NOBODY},{site.url}").ensure(data_file(site.content))
    first, second = caught.value.details["tried"]
    assert first.startswith(f"{NOBODY}/eos/")
    assert second.endswith("404 Not Found")
    assert str(caught.value).count("OPENBEAM_OPENDATA_MIRROR") == 1


def test_wrong_bytes_everywhere_are_a_wrong_checksum(tmp_path: Path, site: Site, second: Site) -> None:
    site.faults, second.faults = ["wrong"], ["wrong"]
    with pytest.raises(ChecksumMismatch):
        FileCache(tmp_path, mirror=f"{site.url},{second.url}").ensure(data_file(site.content))
    assert [path for path in (tmp_path / ".incoming").iterdir() if path.suffix != ".lock"] == []


def test_a_server_that_falls_silent_is_asked_for_the_rest(
    tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch._TIMEOUT", httpx.Timeout(0.3))
    site.faults = ["stall"]
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content)).read_bytes() == site.content
    assert asked(site) == [None, "bytes=1500000-"]


def test_a_server_that_drips_is_asked_for_the_rest(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_datasets.fetch.WATCHED_SECONDS", 0.2)
    site.faults = ["drip"]
    assert FileCache(tmp_path, mirror=site.url).ensure(data_file(site.content)).read_bytes() == site.content
    first, again = asked(site)
    assert first is None
    assert again is not None
    assert 1_500_000 < int(again.removeprefix("bytes=").removesuffix("-")) < 1_600_000
