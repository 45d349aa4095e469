"""Scopes, and which of them a role may ever have. A token never does more than its owner's role allows *now*."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from openbeam.models import Role

__all__ = [
    "AGENT_SCOPE",
    "HOST_SCOPE",
    "IDENTITY_SCOPES",
    "NATIVE_SCOPES",
    "OFFLINE_SCOPE",
    "PEOPLE_SCOPES",
    "PORTAL_SCOPES",
    "ROLE_SCOPES",
    "SCOPE_WORDS",
    "cap",
]

AGENT_SCOPE: Final = "endpoint:agent"
"""What an endpoint's agent may do; no person ever has it."""

HOST_SCOPE: Final = "endpoint:host"
"""What the agent of a host may do; no person ever has it, and no endpoint's agent."""

IDENTITY_SCOPES: Final = ("openid", "profile")

OFFLINE_SCOPE: Final = "offline_access"
"""Asks for a refresh token."""

_PUPIL: Final = ("catalog:read", "tasks:run")
_STUDENT: Final = (*_PUPIL, "functions:write")
_TEACHER: Final = (*_STUDENT, "classes:manage", "datasets:write", "endpoints:manage")
PEOPLE_SCOPES: Final = (*_TEACHER, "admin")
PORTAL_SCOPES: Final = (*IDENTITY_SCOPES, OFFLINE_SCOPE, *_TEACHER)
NATIVE_SCOPES: Final = (*IDENTITY_SCOPES, OFFLINE_SCOPE, *PEOPLE_SCOPES)

SCOPE_WORDS: Final = {
    "catalog:read": "see the functions, datasets and endpoints that you see",
    "tasks:run": "run functions for you, and read their results",
    "functions:write": "publish functions in your name",
    "datasets:write": "add datasets and files in your name",
    "classes:manage": "make classes, and run those where you teach",
    "endpoints:manage": "register and change your endpoints",
    "admin": "administer all of Openbeam",
}
"""What a person reads when they are asked; who they are is always shown."""

ROLE_SCOPES: Final[dict[Role, frozenset[str]]] = {
    Role.pupil: frozenset(_PUPIL),
    Role.student: frozenset(_STUDENT),
    Role.teacher: frozenset(_TEACHER),
    Role.admin: frozenset(PEOPLE_SCOPES),
}


def cap(scopes: Iterable[str], role: Role) -> frozenset[str]:
    """Return those of the scopes that the role may have; everybody may show who they are."""
    return ROLE_SCOPES[role].union(IDENTITY_SCOPES).intersection(scopes)
