"""What an engine gets for a task: its code and its body in one piece, which the agent packs without opening either."""

from __future__ import annotations

import struct
from typing import Final

from openbeam.errors import EngineFault

__all__ = ["pack", "unpack"]

_LENGTH: Final = struct.Struct("!I")


def pack(code: bytes, body: bytes) -> bytes:
    """Put code and body together: the code's length, the code, the body."""
    return _LENGTH.pack(len(code)) + code + body


def unpack(parcel: bytes) -> tuple[bytes, bytes]:
    """Return code and body.

    Raises
    ------
    EngineFault
        When it is cut off.

    """
    start = _LENGTH.size
    if len(parcel) < start or len(parcel) < start + _LENGTH.unpack_from(parcel)[0]:
        raise EngineFault("This engine does not understand the task. Update the endpoint.")
    end = start + _LENGTH.unpack_from(parcel)[0]
    return parcel[start:end], parcel[end:]
