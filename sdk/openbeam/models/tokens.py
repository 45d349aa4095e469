"""Personal tokens: what a person gives a program that cannot sign in."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model

__all__ = ["NewToken", "PersonalToken", "TokenSpec"]

Label = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")
]
Scope = Annotated[str, StringConstraints(max_length=64)]


class TokenSpec(Model):
    """A token that somebody wants."""

    name: Label
    """What it is for, e.g. the program or the machine that gets it."""
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=20)] | None = None
    """What it may do; None for all that the caller may now."""
    days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Life; None for what the service thinks right."""


class PersonalToken(Model):
    """A token as its owner sees it: without its secret."""

    id: str
    name: str
    scopes: list[str]
    created: datetime
    expires: datetime
    last_used: datetime | None
    """To five minutes."""


class NewToken(PersonalToken):
    """A token that was just made."""

    token: str
    """The token itself. It is shown this once."""
