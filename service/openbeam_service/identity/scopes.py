"""Scopes, and which of them a role may ever have. A token never does more than its owner's role allows *now*."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from openbeam.models import Role

__all__ = ["AGENT_SCOPE", "IDENTITY_SCOPES", "PEOPLE_SCOPES", "PORTAL_SCOPES", "ROLE_SCOPES", "cap"]

AGENT_SCOPE: Final = "endpoint:agent"
"""What an endpoint's agent may do; no person ever has it."""

IDENTITY_SCOPES: Final = ("openid", "profile")

_PUPIL: Final = ("catalog:read", "tasks:run")
_STUDENT: Final = (*_PUPIL, "functions:write")
_TEACHER: Final = (*_STUDENT, "classes:manage", "datasets:write", "endpoints:manage")
PEOPLE_SCOPES: Final = (*_TEACHER, "admin")
PORTAL_SCOPES: Final = (*IDENTITY_SCOPES, *_TEACHER)

ROLE_SCOPES: Final[dict[Role, frozenset[str]]] = {
    Role.pupil: frozenset(_PUPIL),
    Role.student: frozenset(_STUDENT),
    Role.teacher: frozenset(_TEACHER),
    Role.admin: frozenset(PEOPLE_SCOPES),
}


def cap(scopes: Iterable[str], role: Role) -> frozenset[str]:
    """Return those of the scopes that the role may have; everybody may show who they are."""
    return ROLE_SCOPES[role].union(IDENTITY_SCOPES).intersection(scopes)
