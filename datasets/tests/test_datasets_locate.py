"""Addresses lead to known places only, and never out of them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openbeam.errors import DataUnavailable
from openbeam_datasets.locate import HttpPlace, LocalPlace, ServiceFiles, XRootDPlace, places

URI = "root://eospublic.cern.ch//eos/opendata/cms/a.root"
PATH = "/eos/opendata/cms/a.root"
KEY = "0123456789abcdef" * 4
ZMUMU = "pypi://scikit-hep-testdata/skhep_testdata/data/uproot-Zmumu.root"


@pytest.mark.parametrize(
    ("mirror", "place"),
    [
        ("/data/mirror", LocalPlace(Path(f"/data/mirror{PATH}"))),
        ("mirror", LocalPlace(Path(f"mirror{PATH}"))),
        ("https://school.example", HttpPlace(f"https://school.example{PATH}")),
        ("http://school.example:8080/cern/", HttpPlace(f"http://school.example:8080/cern{PATH}")),
        ("root://xcache.example:1094", XRootDPlace(f"root://xcache.example:1094/{PATH}")),
        ("root://xcache.example//", XRootDPlace(f"root://xcache.example/{PATH}")),
        ("root://xcache.example//cern/", XRootDPlace(f"root://xcache.example//cern{PATH}")),
    ],
)
def test_the_mirror_stands_in_for_cern(mirror: str | None, place: object) -> None:
    assert places(URI, mirror=mirror) == [place]


CERN = [HttpPlace(f"https://opendata.cern.ch{PATH}"), XRootDPlace(f"root://eospublic.cern.ch/{PATH}")]


@pytest.mark.parametrize("mirror", [None, "", " ", "cern", ","])
def test_cern_is_asked_over_https_and_then_over_xrootd(mirror: str | None) -> None:
    assert places(URI, mirror=mirror) == CERN


def test_several_mirrors_are_tried_in_their_order() -> None:
    assert places(URI, mirror="/data/mirror, root://xcache.example,cern") == [
        LocalPlace(Path(f"/data/mirror{PATH}")),
        XRootDPlace(f"root://xcache.example/{PATH}"),
        *CERN,
    ]


@pytest.mark.parametrize("mirror", ["file:///data", "ftp://x", "s3://bucket", "http://", "https://x?a=b", "root://h#x"])
def test_other_mirrors_are_refused(mirror: str) -> None:
    with pytest.raises(DataUnavailable, match="OPENBEAM_OPENDATA_MIRROR"):
        places(URI, mirror=mirror)


def test_a_file_of_an_installed_package() -> None:
    (place,) = places(ZMUMU, mirror="/anywhere")
    assert isinstance(place, LocalPlace)
    assert place.path.stat().st_size == 178_971


def test_a_missing_package_says_how_to_get_it() -> None:
    with pytest.raises(DataUnavailable, match="pip install no-such-package-here"):
        places("pypi://no-such-package-here/a/b.root")


def test_only_files_that_the_package_lists() -> None:
    with pytest.raises(DataUnavailable, match="has no file numpy/__init__"):
        places("pypi://scikit-hep-testdata/numpy/__init__.py")


def test_an_uploaded_file_is_behind_the_service() -> None:
    service = ServiceFiles("http://127.0.0.1:8600/", lambda: "token")
    (place,) = places(f"openbeam://files/{KEY}", service=service)
    assert place == HttpPlace(f"http://127.0.0.1:8600/api/v1/files/{KEY}", service.token)
    with pytest.raises(DataUnavailable, match="no service"):
        places(f"openbeam://files/{KEY}")


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "/etc/passwd",
        "http://169.254.169.254/latest",
        "https://opendata.cern.ch/eos/opendata/a.root",
        "root://elsewhere.example//eos/opendata/a.root",
        "root://eospublic.cern.ch@elsewhere.example//eos/a",
        "root://eospublic.cern.ch//etc/passwd",
        "root://eospublic.cern.ch//eos/../etc/passwd",
        "root://eospublic.cern.ch//eos/opendata/..",
        "root://eospublic.cern.ch//eos/a/./b",
        "root://eospublic.cern.ch//eos/%2e%2e/a",
        "root://eospublic.cern.ch//eos//a",
        "root://eospublic.cern.ch//eos/a?b",
        "root://eospublic.cern.ch//eos/a#b",
        "root://eospublic.cern.ch//eos/a\\b",
        "root://eospublic.cern.ch//eos/a\n",
        "pypi://scikit-hep-testdata/../../etc/passwd",
        "pypi://../x",
        "openbeam://files/../tokens/operator",
        f"openbeam://files/{KEY}/..",
        f"openbeam://files/{KEY.upper()}",
        "openbeam://files/",
        "",
    ],
)
def test_everything_else_is_refused(uri: str) -> None:
    service = ServiceFiles("http://127.0.0.1:8600", lambda: "token")
    for mirror in (None, "/data", "http://m.example", "root://m.example"):
        with pytest.raises(DataUnavailable) as caught:
            places(uri, mirror=mirror, service=service)
        assert caught.value.details["uri"] == uri


pieces = st.lists(st.one_of(st.sampled_from(["..", ".", "", "a", "%2e", "eos"]), st.text(max_size=4)), max_size=6)


@given(
    pieces, st.sampled_from(["root://eospublic.cern.ch//eos/", "pypi://scikit-hep-testdata/", "openbeam://files/", ""])
)
@example(["opendata", "a"], "root://eospublic.cern.ch//eos/")
def test_no_address_leads_out_of_the_mirror(parts: list[str], begin: str) -> None:
    try:
        (place,) = places(begin + "/".join(parts), mirror="/data/mirror")
    except DataUnavailable:
        return
    assert isinstance(place, LocalPlace)
    inside = PurePosixPath("/data/mirror/eos") in place.path.parents
    assert inside or "site-packages" in place.path.parts
    assert ".." not in place.path.parts
