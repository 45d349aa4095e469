"""What tasks printed, made fit to be kept and shown: text of bounded length that steers no terminal."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from openbeam.models import Printed, TaskKind
from openbeam.states import TaskState

from openbeam_service.tasks.models import TaskRow

__all__ = ["clean", "keep"]

QUIET: Final = 2 * 1024
"""Letters kept of a good chunk's output: a run may have thousands of them."""

_PICTURES: Final = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\n\t"} | {0x7F: 0x2421}
# The rest of what is not a sign: C1 controls, marks that turn the direction of reading, halves of characters.
_UNSEEN: Final = re.compile("[\x80-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def clean(raw: bytes) -> str:
    """Return text in which control characters are shown as pictures, and carriage returns begin a line."""
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return _UNSEEN.sub("\ufffd", text.translate(_PICTURES))


def keep(task: TaskRow, printed: Printed | None) -> None:
    """Keep with a task that has ended what it printed."""
    if printed is None:
        return
    is_quiet = task.kind is not TaskKind.call and task.state is TaskState.success
    for name in ("stdout", "stderr"):
        text = clean(_decoded(getattr(printed, name)))
        setattr(task, name, (_ends(text, QUIET) if is_quiet else text) or None)


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b"[what was printed cannot be read]"


def _ends(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} letters left out …]\n{text[-half:]}"
