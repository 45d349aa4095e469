"""People, as the service knows them."""

from __future__ import annotations

from enum import StrEnum

from openbeam.models.bounds import Model

__all__ = ["Role", "User"]


class Role(StrEnum):
    """What a signed-in person is, at large. What they may do is in the service's ``access``."""

    pupil = "pupil"
    """Came by a class code and a nickname: runs what the class has, publishes nothing."""
    student = "student"
    teacher = "teacher"
    admin = "admin"


class User(Model):
    """The caller, as the service knows them."""

    id: str
    name: str
    display: str = ""
    """What to call them: a pupil's nickname, else a name of theirs."""
    role: Role
    scopes: list[str]
