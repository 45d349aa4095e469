"""Datasets and the files that they are made of."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final, Self

from pydantic import Field, StringConstraints, ValidationInfo, field_validator, model_validator

from openbeam.models.bounds import Checksum, Model, Name

__all__ = ["SIMULATED_TITLE", "DataFile", "Dataset", "DatasetSpec", "Layout", "StoredFile"]

SIMULATED_TITLE: Final = "Simulated"
"""The title of a tree that begins so says that no detector recorded its events."""


class Layout(StrEnum):
    """How the columns of a file become ``events``."""

    nanoaod = "nanoaod"
    """Collections (``events.Muon.pt``), read with coffea's NanoAOD schema."""
    flat = "flat"
    """One field a branch (``events.px1``)."""
    physlite = "physlite"
    """ATLAS's collections (``events.Muons.pt``), read with coffea's PHYSLITE schema."""
    csv = "csv"
    """A text file with a line an event: one field a column, numbers or text. It has no tree."""


class DataFile(Model):
    """One file of a dataset."""

    uri: Annotated[str, StringConstraints(max_length=1_000)]
    """``root://eospublic.cern.ch//eos/…``, ``pypi://DISTRIBUTION/PATH`` or ``openbeam://files/KEY``."""
    size: Annotated[int, Field(ge=0)]
    checksum: Checksum
    note: Annotated[str, StringConstraints(max_length=1_000)] = ""


class DatasetSpec(Model):
    """A dataset: a CERN Open Data record, or a local file."""

    name: Name
    title: Annotated[str, StringConstraints(max_length=300)]
    description: Annotated[str, StringConstraints(max_length=6_000)] = ""
    experiment: Annotated[str, StringConstraints(max_length=40)] = ""
    recid: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")] | None = None
    doi: Annotated[str, StringConstraints(max_length=100)] | None = None
    license: Annotated[str, StringConstraints(max_length=100)] = ""
    collision: Annotated[str, StringConstraints(max_length=100)] = ""
    """Collision type and energy, e.g. ``pp, 8 TeV``."""
    year: Annotated[int, Field(ge=1954, le=2100)] | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """Column name to its meaning, with the unit."""
    notes: Annotated[list[str], Field(max_length=20)] = Field(default_factory=list)
    """Known errata and remarks, shown with every figure's provenance."""
    tree: Annotated[str, StringConstraints(max_length=200)] = "Events"
    """Empty for CSV."""
    layout: Layout = Layout.nanoaod
    events: Annotated[int, Field(ge=0)] | None = None
    """As the record states it; None where it is not stated (the endpoint counts)."""
    obtain: Annotated[str, StringConstraints(max_length=1_000)] = ""
    """How to come by the events, where nobody states a file's size and checksum; then there are no ``files``."""
    files: Annotated[list[DataFile], Field(max_length=10_000)]
    local: bool = False
    """True for a file that somebody added by hand: it has no DOI."""
    simulated: bool = False
    """True where no detector recorded the events: every figure made from them says so."""

    @property
    def link(self) -> str:
        """Where the record is read about: its DOI, else its page; empty for a file that somebody added."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://opendata.cern.ch/record/{self.recid}" if self.recid else ""

    @model_validator(mode="after")
    def _csv_has_no_tree(self) -> Self:
        if self.layout is Layout.csv:
            self.tree = ""
        return self

    @field_validator("files")
    @classmethod
    def _can_be_had(cls, files: list[DataFile], info: ValidationInfo) -> list[DataFile]:
        if not files and not info.data.get("obtain"):
            raise ValueError("name at least one file, or say in obtain how to come by the events")
        return files


class Dataset(DatasetSpec):
    """A dataset as the service keeps it."""

    owner: str
    created: datetime


class StoredFile(Model):
    """A file that somebody uploaded to the service."""

    key: str
    """SHA-256 of the content."""
    uri: str
    size: int
    checksum: Checksum
