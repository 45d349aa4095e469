"""Classes: groups that one joins with a code."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model, Name

__all__ = ["Class", "ClassRole", "ClassSpec", "Member"]

Nickname = Annotated[str, StringConstraints(pattern=r"^[^\W_]([\w .'-]{0,38}[\w.])?$", strip_whitespace=True)]


class ClassRole(StrEnum):
    """What somebody is in one class. A teacher runs it; a member takes part."""

    teacher = "teacher"
    member = "member"


class ClassSpec(Model):
    """What a teacher asks for."""

    name: Name
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    code_days: Annotated[int, Field(ge=1, le=366)] = 30
    """Days until the join code expires."""


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
    code: str | None
    """The join code; for its teachers only, None when it has expired or is closed."""
    code_expires: datetime | None


class Member(Model):
    """Somebody in a class."""

    user_id: str
    name: str
    """A nickname, or the name of an account."""
    role: ClassRole
    pupil: bool
    """Came by code and nickname, without an account of their own."""
    joined: datetime
