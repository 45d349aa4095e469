"""Who sees a function or an endpoint."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator

from openbeam.models.bounds import Model, Name

__all__ = ["Sharing", "Visibility", "check_classes"]


class Visibility(StrEnum):
    """Who sees something: its owner, the classes that it is shared with, or everybody with an account."""

    private = "private"
    class_ = "class"
    public = "public"


def check_classes(visibility: Visibility | None, classes: list[str]) -> None:
    """Raise ``ValueError`` unless classes are named exactly where something is shared with classes."""
    if bool(classes) != (visibility is Visibility.class_):
        raise ValueError("name the classes with the visibility 'class', and only with it")


class Sharing(Model):
    """Who is to see a function version or an endpoint from now on."""

    visibility: Visibility
    classes: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    """Names or ids of classes; with ``class`` only, and then at least one."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_classes(self.visibility, self.classes)
        return self
