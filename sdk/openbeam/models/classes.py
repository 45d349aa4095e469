"""Classes: groups that one joins with a code."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from openbeam.models.bounds import Model, Name

__all__ = [
    "CODE_ALPHABET",
    "Class",
    "ClassChange",
    "ClassCode",
    "ClassJoin",
    "ClassRole",
    "ClassSpec",
    "JoinCode",
    "Member",
    "MemberChange",
    "Nickname",
    "ReturnKey",
    "tidy_code",
]

CODE_ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTVWXYZ"
"""What is read aloud and written by hand: without 0 and O, 1, I and L, U and V at once."""

_TYPED: Final = r"^[ -]*([2-9A-HJKMNP-TV-Za-hjkmnp-tv-z][ -]*){8}$"


def tidy_code(typed: str) -> str:
    """Return a code as it is kept: capitals, without the spaces and hyphens that people put in."""
    return "".join(typed.split()).replace("-", "").upper()


def _composed(typed: object) -> object:
    # One way to write each character: "é" is not two nicknames.
    return unicodedata.normalize("NFKC", typed).strip() if isinstance(typed, str) else typed


JoinCode = Annotated[str, StringConstraints(pattern=_TYPED, max_length=40), AfterValidator(tidy_code)]
Nickname = Annotated[
    str, BeforeValidator(_composed), StringConstraints(pattern=r"^[^\W_]([\w .'-]{0,38}[\w.])?$", max_length=40)
]
"""Up to 40 letters, digits, spaces and ``. ' - _``; no ``@``: an address has no place here."""
Title = Annotated[str, StringConstraints(max_length=200)]
CodeDays = Annotated[int, Field(ge=1, le=366)]


class ClassRole(StrEnum):
    """What somebody is in one class. A teacher runs it; a member takes part."""

    teacher = "teacher"
    member = "member"


class ClassSpec(Model):
    """What a teacher asks for."""

    name: Name
    title: Title = ""
    code_days: CodeDays = 30
    """Days until the join code expires."""


class ClassChange(Model):
    """What is to be changed; what is not said stays."""

    name: Name | None = None
    title: Title | None = None
    open: bool | None = None
    """False closes the class: nobody joins, and its pupils' accounts are closed until it is opened again."""


class ClassCode(Model):
    """Ask for a new join code. The old one stops working; who has joined stays."""

    days: CodeDays = 30


class ClassJoin(Model):
    """Join with a code; capitals, spaces and hyphens do not matter."""

    code: JoinCode


class Class(Model):
    """A class, as its members see it."""

    id: str
    name: str
    title: str
    owner: str
    role: ClassRole | None
    """The caller's own; None for an administrator who is not in it."""
    members: int
    created: datetime
    open: bool
    code: str | None
    """The join code, as ``ABCD-EFGH``; for its teachers only, None when it has expired or is closed."""
    code_expires: datetime | None
    link: str | None
    """The page where pupils join, with the code filled in; for its teachers only."""


class Member(Model):
    """Somebody in a class."""

    user_id: str
    name: str
    """A nickname, or the name of an account."""
    role: ClassRole
    pupil: bool
    """Came by code and nickname, without an account of their own."""
    joined: datetime


class MemberChange(Model):
    """Make somebody a teacher of the class, or a plain member again."""

    role: ClassRole


class ReturnKey(Model):
    """A pupil's key to come back with. It is shown this once, and an older one stops working."""

    key: str
