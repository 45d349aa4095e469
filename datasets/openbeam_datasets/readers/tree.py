"""A ROOT file and one tree in it, opened for one reader in one thread."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uproot
from openbeam.errors import DataUnavailable, InvalidInput, OpenbeamError, nearest
from uproot.source.file import MemmapSource

__all__ = ["open_tree", "reading"]

# A column of a chunk is read once, so columns need no cache. A memory map needs no threads, which a fork would lose.
_OPTIONS = {"handler": MemmapSource, "array_cache": None}

_TREES = ("TTree", "TNtuple", "TNtupleD", "ROOT::RNTuple")


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Turn whatever happens while ``what`` is read into one plain error.

    Raises
    ------
    InvalidInput
        When the bytes are not what they say.

    """
    try:
        yield
    except OpenbeamError:
        raise
    except Exception as error:
        # Damaged bytes make uproot raise nearly anything, from AssertionError to zlib.error.
        raise InvalidInput(f"{what} cannot be read as ROOT data. Check the file, and add it again.") from error


@contextmanager
def open_tree(path: Path, tree: str) -> Iterator[tuple[Any, Any]]:
    """Open the file and give ``(directory, tree)``, both of uproot; the file closes with the block.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it is no ROOT file, or has no such tree. ``details``: ``tree``, ``nearest``, ``known``.

    """
    if not path.is_file():
        raise DataUnavailable(f"The file {path.name} is not here. Start the run again.", uri=path.name)
    with reading("The file"):
        # The tree itself is asked for twice, here and by coffea; a small file keeps its data in it.
        directory = uproot.open(path, object_cache={}, **_OPTIONS)
    with directory:
        with reading("The file"):
            found = _find(directory, tree)
        yield directory, found


def _find(directory: Any, tree: str) -> Any:
    known = directory.keys(cycle=False, filter_classname=lambda name: name in _TREES)
    if tree in known:
        return directory[tree]
    close = nearest(tree, known)
    has = f"Did you mean {' or '.join(close)}?" if close else f"It has: {', '.join(known[:10]) or 'no tree at all'}."
    raise InvalidInput(f"The file has no tree named {tree!r}. {has}", tree=tree, nearest=close, known=known[:100])
