"""What people write for a record: its number, its DOI, or the address of either."""

from __future__ import annotations

import re
from typing import Final

from openbeam.errors import InvalidInput

__all__ = ["doi_of", "number_of"]

_NUMBER: Final = re.compile(r"(?:https?://opendata\.cern\.ch/record/)?([0-9]{1,10})/?", re.IGNORECASE)
_DOI: Final = re.compile(
    r"(?:https?://(?:dx\.)?doi\.org/|doi:\s*)?(10\.[0-9]{4,9}/[A-Za-z0-9._;()/:-]{1,80})", re.IGNORECASE
)


def number_of(reference: str) -> str | None:
    """Return the record's number, or None for a DOI.

    Raises
    ------
    InvalidInput
        When it is neither.

    """
    text = reference.strip()
    if found := _NUMBER.fullmatch(text):
        return found[1].lstrip("0") or "0"
    if _DOI.fullmatch(text):
        return None
    shown = text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004 - enough to recognise it
    raise InvalidInput(
        f"{shown!r} is neither the number nor the DOI of a record. "
        "Write it like 5203 or 10.7483/OPENDATA.CMS.LVG5.QT81.",
        field="record",
    )


def doi_of(reference: str) -> str:
    """Return the DOI in a reference for which ``number_of`` has none."""
    found = _DOI.fullmatch(reference.strip())
    return found[1] if found else ""
