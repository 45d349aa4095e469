"""What Openbeam takes of a record, as CERN's portal writes it: all else in it is passed over.

The fields are those of the portal's API: https://opendata.cern.ch/api/records/NUMBER, under ``metadata``.
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

__all__ = ["MOST_LISTED", "Hits", "IndexedFiles", "Listed", "Meaning", "Record", "RecordAnswer"]

MOST_LISTED: Final = 50_000
"""Files that one record may list: the largest that was seen, record 80001, has 45,571."""

# Record 328 says so in its description alone.
_OF_SIMULATION: Final = re.compile(r"simulat|monte.?carlo", re.IGNORECASE)

Short = Annotated[str, StringConstraints(max_length=2_000)]
Long = Annotated[str, StringConstraints(max_length=200_000)]
Words = Annotated[list[Short], Field(max_length=10_000)]
Number = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value),
                   StringConstraints(pattern=r"^[0-9]{1,10}$")]  # fmt: skip


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Listed(_Part):
    """A file; ``type`` is ``index.json`` where it only lists others."""

    uri: Short
    size: Annotated[int, Field(ge=0, lt=2**63)]
    checksum: Short
    type: Short = ""

    @property
    def name(self) -> str:
        """The last part of its address."""
        return self.uri.rpartition("/")[2]


IndexedFiles = Annotated[list[Listed], Field(max_length=MOST_LISTED)]
"""What a file of type ``index.json`` holds."""


class _Index(_Part):
    files: IndexedFiles = Field(default_factory=list)


class Meaning(_Part):
    """What one column means; ``variable`` may name several, with commas between them."""

    variable: Short = ""
    description: Long = ""
    unit: Short = ""


class _Described(_Part):
    description: Long = ""


class _Kind(_Part):
    primary: Short = ""
    secondary: Words = Field(default_factory=list)


class _Collision(_Part):
    type: Short = ""
    energy: Short = ""


class _Distribution(_Part):
    formats: Words = Field(default_factory=list)
    number_events: Annotated[int, Field(ge=0, lt=2**63)] | None = None


class _Licence(_Part):
    attribution: Annotated[str, StringConstraints(max_length=100)] = ""


class Record(_Part):
    """A record."""

    recid: Number
    title: Short = ""
    title_additional: Short = ""
    doi: Annotated[str, StringConstraints(max_length=100)] | None = None
    experiment: Words = Field(default_factory=list)
    abstract: _Described = Field(default_factory=_Described)
    note: _Described = Field(default_factory=_Described)
    type: _Kind = Field(default_factory=_Kind)
    collision_information: _Collision = Field(default_factory=_Collision)
    distribution: _Distribution = Field(default_factory=_Distribution)
    license: _Licence = Field(default_factory=_Licence)
    date_created: Words = Field(default_factory=list)
    run_period: Words = Field(default_factory=list)
    dataset_semantics: Annotated[list[Meaning], Field(max_length=20_000)] = Field(default_factory=list)
    files: Annotated[list[Listed], Field(max_length=MOST_LISTED)] = Field(default_factory=list)
    indices: Annotated[list[_Index], Field(alias="_file_indices", max_length=5_000)] = Field(default_factory=list)

    @property
    def is_simulated(self) -> bool:
        """Whether no detector recorded it, by its type, its format (``nanoaodsim``), or else its description."""
        kinds = set(self.type.secondary) & {"Simulated", "Collision"}
        if kinds == {"Simulated"} or any("sim" in one.lower() for one in self.distribution.formats):
            return True
        return not kinds and bool(_OF_SIMULATION.search(f"{self.title} {self.abstract.description}"))


class RecordAnswer(_Part):
    """The answer to the question for one record."""

    metadata: Record


class _Doi(_Part):
    doi: Short = ""


class _Found(_Part):
    id: Number
    metadata: _Doi


class _Page(_Part):
    total: int
    hits: Annotated[list[_Found], Field(max_length=100)]


class Hits(_Part):
    """The answer to a search."""

    hits: _Page
