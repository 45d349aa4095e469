"""The histogram that a command is about: of a run, or in a file as ``openbeam run --json`` prints it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openbeam.client import Client
from openbeam.errors import InvalidInput, NotKnown, UnknownFile, nearest
from openbeam.models import Account, Dataset, Provenance

if TYPE_CHECKING:
    from openbeam.fit.around import Around

__all__ = ["Source", "read"]

_MOST_BYTES: Final = 64 * 1024 * 1024
_STDIN: Final = "-"


@dataclass(frozen=True)
class Source:
    """Histograms as UHI JSON, by name, and where they are from as far as that is known."""

    histograms: Mapping[str, Any]
    run_id: str = ""
    provenance: Provenance | None = None
    account: Account | None = None
    dataset: Dataset | None = None

    def choose(self, name: str | None) -> tuple[str, Any]:
        """Return the histogram of a name; without one the only one, or the only one of masses.

        Raises
        ------
        InvalidInput
            When there is none of that name, or several might be meant; names them.

        """
        known = ", ".join(self.histograms) or "none"
        if name is not None:
            if name not in self.histograms:
                close = nearest(name, self.histograms)
                hint = f"Did you mean {' or '.join(close)}?" if close else f"There are: {known}."
                raise InvalidInput(f"There is no histogram {name!r}. {hint}", field="histogram")
            return name, self.histograms[name]
        masses = [one for one in self.histograms if "mass" in one.lower()]
        candidates = list(self.histograms) if len(self.histograms) == 1 else masses
        if len(candidates) != 1:
            raise InvalidInput(f"Say which histogram with --histogram: {known}.", field="histogram")
        return candidates[0], self.histograms[candidates[0]]

    def around(self) -> Around:
        """Return what to write around a figure."""
        from openbeam.fit.around import Around, around

        if self.provenance is None or self.account is None:
            return Around()
        return around(self.run_id, self.provenance, self.account, self.dataset)


def read(source: str) -> Source:
    """Return what is in a file (``-``: standard input), or what a run has found.

    Raises
    ------
    InvalidInput
        When a file is too large, or holds no histograms.
    UnknownFile
        When there is no such file, and the name is no run's.

    """
    if source == _STDIN:
        return _parsed(sys.stdin.buffer.read(_MOST_BYTES + 1))
    path = Path(source)
    if path.is_file():
        with path.open("rb") as file:
            return _parsed(file.read(_MOST_BYTES + 1))
    if path.suffix or len(path.parts) > 1:
        raise UnknownFile(f"There is no file {source}.", name=source)
    return _of_run(source)


def _of_run(run_id: str) -> Source:
    with Client() as client:
        run = client.get_run(run_id)
        run.check()
        dataset = None
        with suppress(NotKnown):  # a run outlives its dataset
            dataset = client.dataset(run.provenance.dataset)
        return Source(run.uhi, run.id, run.provenance, run.account, dataset)


def _parsed(text: bytes) -> Source:
    if len(text) > _MOST_BYTES:
        raise InvalidInput(f"The file is over {_MOST_BYTES // 1024**2} MB, more than any histograms are.", field="file")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput("The file is not JSON. Write one with: openbeam run … --json > FILE", field="file") from None
    if isinstance(data, dict) and isinstance(data.get("histograms"), dict):
        return _of_answer(data)
    if isinstance(data, dict) and "uhi_schema" in data:
        name = data["metadata"].get("name") if isinstance(data.get("metadata"), dict) else None
        return Source({str(name or "histogram"): data})
    if isinstance(data, dict) and data and all(isinstance(one, dict) and "uhi_schema" in one for one in data.values()):
        return Source(data)
    raise InvalidInput("The file holds no histogram in UHI JSON.", field="file")


def _of_answer(data: dict[str, Any]) -> Source:
    """Return what ``openbeam run --json`` wrote."""
    try:
        made = Provenance.model_validate(data["provenance"])
        account = Account.model_validate(data["account"])
    except (KeyError, ValueError):
        return Source(data["histograms"])
    return Source(data["histograms"], str(data.get("run", "")), made, account)
