"""What an installation may share with everybody, in one document."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from openbeam.models.bounds import Model
from openbeam.models.datasets import DatasetSpec
from openbeam.models.functions import FunctionSpec

__all__ = ["Catalog"]


class Catalog(Model):
    """Functions and datasets, as ``python -m`` of a catalog's module writes them."""

    functions: Annotated[list[FunctionSpec], Field(max_length=1_000)] = Field(default_factory=list)
    datasets: Annotated[list[DatasetSpec], Field(max_length=1_000)] = Field(default_factory=list)
