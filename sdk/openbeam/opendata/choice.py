"""Which files of a record become a dataset, and how they are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain
from typing import Final

from openbeam.errors import InvalidInput
from openbeam.models import DataFile, Layout
from openbeam.opendata.record import Listed, Record

__all__ = ["MOST_FILES", "Chosen", "Expand", "Wishes", "choose", "path_of"]

MOST_FILES: Final = 1_000
"""Of one dataset that is imported: more are no lesson."""
MOST_INDICES: Final = 300
"""The record that has most, 80001, has 186."""

Expand = Callable[[Listed, str], list[Listed]]
"""Returns what an index, at a path ``/eos/…``, lists."""

# As endpoints read addresses: no part may be "." or "..".
_PATH: Final = r"/eos/opendata(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~+=,@-]+)+"
_AT_CERN: Final = re.compile(
    rf"(?:root://eospublic\.cern\.ch(?::1094)?/|https://opendata\.cern\.ch|https://eospublic\.cern\.ch)({_PATH})"
)
_ROOT: Final = re.compile(r".*\.root(?:\.[0-9]+)?", re.IGNORECASE)
_CSV: Final = re.compile(r".*\.csv(?:\.gz)?", re.IGNORECASE)
_READ_WITH_ITS_OWN_PROGRAM: Final = frozenset(
    {"aod", "aodsim", "miniaod", "miniaodsim", "raw", "reco", "recodebug", "fevt", "fevtdebughlt", "gen-sim", "esd"}
)
"""Formats whose ROOT files hold a framework's own objects."""
_SIMULATED_NAME: Final = re.compile(r"simul|(?:^|[_.-])mc(?:[_.0-9-]|$)", re.IGNORECASE)
_OF_A_FRAMEWORK: Final = re.compile(r"(?:AliESD|AliAOD|galice|root_archive)", re.IGNORECASE)

_BY_FORMAT: Final = (("nanoaod", Layout.nanoaod, "Events"), ("physlite", Layout.physlite, "CollectionTree"))
_BY_PLACE: Final = (
    ("/eos/opendata/atlas/OutreachDatasets/", "mini"),
    ("/eos/opendata/atlas/rucio/opendata/ODEO_", "analysis"),
    ("/eos/opendata/lhcb/AntimatterMatters2017/data/PhaseSpace", "PhaseSpaceTree"),
    ("/eos/opendata/lhcb/AntimatterMatters2017/", "DecayTree"),
    ("/eos/opendata/totem/", "TotemNtuple"),
)
"""Trees of flat files, which records do not name: as the collaborations' own examples call them."""
_NAMES_SHOWN: Final = 5


@dataclass(frozen=True)
class Wishes:
    """What the person who imports a record decides; None and nothing are what the record says, or a guess."""

    name: str | None = None
    tree: str | None = None
    layout: Layout | None = None
    files: str | None = None
    """Names of files, with ``*`` and ``?``; several with commas between them."""
    max_files: int | None = None


@dataclass(frozen=True)
class Chosen:
    """The files of a dataset, and how they are read."""

    files: tuple[DataFile, ...]
    layout: Layout
    tree: str
    is_all: bool
    """Whether these are the record's events: all of them, each once, as far as one sees."""
    simulated: bool


def choose(record: Record, wishes: Wishes, expand: Expand) -> Chosen:
    """Return the files that are wanted of a record.

    Raises
    ------
    InvalidInput
        When there is nothing to read, when there are too many files, or when a person has to choose.

    """
    most = min(wishes.max_files or MOST_FILES, MOST_FILES)
    wanted = [one.strip() for one in (wishes.files or "").split(",") if one.strip()]
    roots: list[Listed] = []
    tables: list[Listed] = []
    for one in _readable(record, expand):
        if _matches(one, wanted):
            (roots if _ROOT.fullmatch(one.name) else tables).append(one)
        if len(tables if wishes.layout is Layout.csv else roots) > most:
            break
    # Where a record has both, the tables are made from the ROOT files.
    is_csv = wishes.layout is Layout.csv or not roots
    found = tables if is_csv else roots
    if not found:
        raise _nothing(record, wanted)
    if len(found) > most and wishes.max_files is None:
        raise InvalidInput(
            f"Record {record.recid} has more than {most:,} files. Take some of them, by their names or their number.",
            field="files",
        )
    taken = found[:most]
    if not wanted:
        _needs_no_choice(record, taken)
    files = tuple(_data_file(record, one) for one in taken)
    layout, tree = _reading(record, files, wishes, is_csv=is_csv)
    is_all = not wanted and len(found) <= most and (not is_csv or len(found) == 1)
    return Chosen(files, layout, tree, is_all, _are_simulated(record, taken))


def path_of(record: Record, file: Listed) -> str:
    """Return a file's path at CERN, ``/eos/opendata/…``.

    Raises
    ------
    InvalidInput
        When it is anywhere else.

    """
    found = _AT_CERN.fullmatch(file.uri)
    if found is None:
        raise InvalidInput(
            f"Record {record.recid} lists a file that is not in CERN Open Data's store: {file.uri[:200]!r}. "
            "Files from elsewhere are not added.",
            field="files",
        )
    return found[1]


def _readable(record: Record, expand: Expand) -> Iterator[Listed]:
    """Yield what can be read, first the files that the record lists itself."""
    own = {one.lower() for one in record.distribution.formats} & _READ_WITH_ITS_OWN_PROGRAM
    for file in chain(record.files, () if own else _indexed(record, expand)):
        is_root = _ROOT.fullmatch(file.name) and not own and not _OF_A_FRAMEWORK.match(file.name)
        if not file.type and (is_root or _CSV.fullmatch(file.name)):
            yield file


def _indexed(record: Record, expand: Expand) -> Iterator[Listed]:
    """Yield the files that are listed at one remove: the portal expands indices itself, a mirror may not."""
    if record.indices:
        yield from chain.from_iterable(one.files for one in record.indices)
        return
    indices = [file for file in record.files if file.type == "index.json"]
    if len(indices) > MOST_INDICES:
        raise InvalidInput(f"Record {record.recid} lists {len(indices):,} indices, which are too many.", field="files")
    for index in indices:
        yield from expand(index, path_of(record, index))


def _matches(file: Listed, wanted: Sequence[str]) -> bool:
    return not wanted or any(fnmatchcase(file.name, one) or fnmatchcase(file.uri, one) for one in wanted)


def _nothing(record: Record, wanted: Sequence[str]) -> InvalidInput:
    if not record.files and not record.indices:
        return InvalidInput(
            f"Record {record.recid} has no files of its own. Its page may lead to records that have: "
            f"https://opendata.cern.ch/record/{record.recid}.",
            field="record",
        )
    ends = sorted({file.name.rpartition(".")[2] for file in record.files if not file.type})
    held = ", ".join((record.distribution.formats or ends)[:10]) or "lists of files"
    called = f" that is called {' or '.join(wanted)[:200]}" if wanted else ""
    return InvalidInput(
        f"Record {record.recid} (formats: {held}) has no file{called} that can be read here. "
        "Openbeam reads CSV, and ROOT files with NanoAOD, PHYSLITE or flat trees.",
        field="files" if wanted else "record",
    )


def _needs_no_choice(record: Record, found: Sequence[Listed]) -> None:
    """Refuse what would mix files of different columns, or recorded and simulated events, or count events twice."""
    if len(found) == 1 or record.indices or any(file.type for file in record.files):
        return
    are_tables = bool(_CSV.fullmatch(found[0].name))
    folders = {file.uri.rpartition("/")[0] for file in found}
    kinds = {bool(_SIMULATED_NAME.search(file.name)) for file in found}
    if are_tables or len(folders) > 1 or len(kinds) > 1:
        raise InvalidInput(
            f"Record {record.recid} has {len(found):,} {'CSV' if are_tables else 'ROOT'} files: {_names(found)}. "
            "In one dataset all have the same columns, and none holds another's events. "
            "Choose by their names, as in 4mu_*.csv.",
            field="files",
        )


def _are_simulated(record: Record, taken: Sequence[Listed]) -> bool:
    """Return whether no detector recorded the events: files' names say it where a record has both kinds."""
    if any(_SIMULATED_NAME.search(file.name) for file in taken):
        return True
    return record.is_simulated and not any(_SIMULATED_NAME.search(file.name) for file in record.files)


def _names(files: Sequence[Listed]) -> str:
    shown = ", ".join(file.name[:80] for file in files[:_NAMES_SHOWN])
    return f"{shown} and {len(files) - _NAMES_SHOWN:,} more" if len(files) > _NAMES_SHOWN else shown


def _data_file(record: Record, file: Listed) -> DataFile:
    uri = f"root://eospublic.cern.ch/{path_of(record, file)}"
    if not re.fullmatch(r"adler32:[0-9a-f]{8}", file.checksum):
        raise InvalidInput(
            f"Record {record.recid} gives {file.checksum[:80]!r} as the checksum of {file.name}: it could not be "
            "checked when it is fetched. Choose other files by their names.",
            field="files",
        )
    return DataFile(uri=uri, size=file.size, checksum=file.checksum)


def _reading(record: Record, files: Sequence[DataFile], wishes: Wishes, *, is_csv: bool) -> tuple[Layout, str]:
    if is_csv:
        return Layout.csv, ""
    formats = [one.lower() for one in record.distribution.formats]
    guesses = ((layout, tree) for word, layout, tree in _BY_FORMAT if any(word in one for one in formats))
    layout, tree = next(guesses, (Layout.flat, ""))
    places = (tree for place, tree in _BY_PLACE if place in files[0].uri)
    tree = wishes.tree or tree or next(places, "")
    if not tree:
        raise InvalidInput(
            f"Record {record.recid} does not say what the tree in its ROOT files is called. Name it; "
            f"the record's page may tell: https://opendata.cern.ch/record/{record.recid}.",
            field="tree",
        )
    return wishes.layout or layout, tree
