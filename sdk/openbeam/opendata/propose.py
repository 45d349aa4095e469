"""A record of CERN Open Data as the dataset that it may become; nothing is added by it."""

from __future__ import annotations

import re
from typing import Final

from openbeam.checks import checked
from openbeam.errors import InvalidInput
from openbeam.models import DatasetSpec
from openbeam.opendata.choice import Chosen, Wishes, choose
from openbeam.opendata.html_text import cut, text_of
from openbeam.opendata.portal import Portal
from openbeam.opendata.record import Record

__all__ = ["propose"]

_COLUMNS: Final = 2_000
_MEANING: Final = 500
_COLUMN: Final = re.compile(r"[A-Za-z0-9_.*<>\[\]/-]{1,120}")
_YEAR: Final = re.compile(r"(?:\b|Run)((?:19|20)[0-9]{2})(?![0-9])")
_NOT_LOOKED_AT: Final = "Imported as CERN's portal describes it; nobody has gone through its columns for Openbeam."


def propose(reference: str, wishes: Wishes | None = None, *, url: str | None = None) -> DatasetSpec:
    """Return the dataset that a record may become: look at it, then give it to ``Client.publish_dataset``.

    ``reference`` is a record's number or DOI, ``url`` the portal (as ``OPENBEAM_OPENDATA_API``).

    Raises
    ------
    InvalidInput
        When the reference is none, or the record has nothing that can be read, or a person has to choose first.
    UnknownRecord
        When there is no such record.
    OpenDataTrouble
        When the portal does not answer, or not with a record.

    """
    wishes = wishes or Wishes()
    with Portal(url) as portal:
        record = portal.record(reference)
        if record.type.primary not in {"", "Dataset"}:
            raise InvalidInput(
                f"Record {record.recid}, {_title(record)!r}, is not a dataset: it is {record.type.primary.lower()}.",
                field="record",
            )
        return _spec(record, choose(record, wishes, portal.listed_in), wishes)


def _spec(record: Record, chosen: Chosen, wishes: Wishes) -> DatasetSpec:
    return checked(
        DatasetSpec,
        name=wishes.name or _name(record),
        title=_title(record),
        description=cut(text_of(record.abstract.description), 6_000),
        experiment=cut(_experiment(record), 40),
        recid=record.recid,
        doi=record.doi or None,
        license=record.license.attribution,
        collision=_collision(record),
        year=_year(record),
        columns=_columns(record),
        notes=_notes(record, chosen),
        tree=chosen.tree,
        layout=chosen.layout,
        events=record.distribution.number_events if chosen.is_all else None,
        files=list(chosen.files),
        simulated=chosen.simulated,
    )


def _title(record: Record) -> str:
    title = record.title_additional if record.title.startswith("/") else record.title
    return cut(text_of(title or record.title) or f"CERN Open Data record {record.recid}", 300)


def _experiment(record: Record) -> str:
    return text_of(record.experiment[0]) if record.experiment else ""


def _name(record: Record) -> str:
    """Return a name that no other record gets: experiment, year and number."""
    experiment = re.sub(r"[^a-z0-9]+", "", _experiment(record).lower())[:20] or "cern"
    return "-".join(str(part) for part in (experiment, _year(record), record.recid) if part)


def _year(record: Record) -> int | None:
    """Return the first year in which the data were taken, as far as the record says so."""
    texts = record.date_created or record.run_period or [record.title]
    return min((int(year) for text in texts for year in _YEAR.findall(text)), default=None)


def _collision(record: Record) -> str:
    energy = re.sub(r"(?<=[0-9])(?=[A-Za-z])", " ", text_of(record.collision_information.energy))
    return cut(", ".join(part for part in (text_of(record.collision_information.type), energy) if part), 100)


def _columns(record: Record) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in record.dataset_semantics:
        unit = f" [{one.unit}]" if one.unit and one.unit != "N/A" else ""
        meaning = cut(text_of(one.description + unit), _MEANING)
        for name in one.variable.split(","):
            if _COLUMN.fullmatch(name.strip()) and len(found) < _COLUMNS:
                found.setdefault(name.strip(), meaning)
    return found


def _notes(record: Record, chosen: Chosen) -> list[str]:
    notes = [_NOT_LOOKED_AT]
    if chosen.simulated:
        notes.append("Marked as simulated, by the record's type, format or description, or the names of its files.")
    if said := text_of(record.note.description):
        notes.append(cut(f"The record notes: {said}", 1_000))
    events = record.distribution.number_events
    if not chosen.is_all and events is not None:
        notes.append(f"The record states {events:,} events for all its files; those of this dataset are counted.")
    if not record.license.attribution:
        notes.append("The record names no licence.")
    return notes
