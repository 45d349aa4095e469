"""No secret ever reaches the log: whatever looks like one is blotted out, wherever in a line it stands."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any, Final

__all__ = ["redact"]

BLOT: Final = "…"
_NAMED: Final = frozenset(
    {"password", "token", "secret", "authorization", "cookie", "code", "client_secret", "assertion"}
)
_LOOKS: Final = (
    (re.compile(r"\bobp_[0-9A-Za-z]+_[\w-]+"), f"obp_{BLOT}"),  # a personal token
    (re.compile(r"\beyJ[\w-]+\.[\w-]*\.?[\w-]*"), f"eyJ{BLOT}"),  # a JWT
    (re.compile(r"(://[^\s/:@]*:)[^\s/@]+@"), rf"\1{BLOT}@"),  # an address with a password in it
    (re.compile(r"(?i)\b((?:password|secret|token|code|ticket|assertion)=)[^\s&;,'\"]+"), rf"\1{BLOT}"),
    (re.compile(r"(?i)\b(bearer )[\w.~+/-]+=*"), rf"\1{BLOT}"),
    (re.compile(r"(/setup/)[\w-]+"), rf"\1{BLOT}"),
)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        for looks, blotted in _LOOKS:
            value = looks.sub(blotted, value)
        return value
    if isinstance(value, dict):
        return {key: BLOT if key in _NAMED else _clean(one) for key, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple | set) else value


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Blot out what looks like a secret: a processor of structlog."""
    cleaned: dict[str, Any] = _clean(dict(line))
    return cleaned
