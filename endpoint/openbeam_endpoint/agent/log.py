"""The agent's log: one short line an event, to a file that does not grow without end, and to standard error."""

from __future__ import annotations

import logging
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final

import structlog
from structlog.stdlib import ProcessorFormatter

__all__ = ["configure"]

_ROOM: Final = "openbeam_endpoint"
"""Our own modules' loggers are below this one; what libraries say is not for the owner."""
_LARGEST: Final = 5_000_000
_OLDER: Final = 2


def configure(path: Path, *, quiet: bool = False) -> None:
    """Send the log to a file, and unless it shall be ``quiet`` to standard error."""
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="%Y-%m-%d %H:%M:%S", utc=True),
            ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    room = logging.getLogger(_ROOM)
    room.setLevel(logging.INFO)
    room.propagate = False
    for handler in room.handlers[:]:
        room.removeHandler(handler)
        handler.close()
    file = RotatingFileHandler(path, maxBytes=_LARGEST, backupCount=_OLDER, encoding="utf-8")
    room.addHandler(_formatted(file, colors=False))
    if not quiet:
        room.addHandler(_formatted(logging.StreamHandler(sys.stderr), colors=sys.stderr.isatty()))


def _formatted(handler: logging.Handler, *, colors: bool) -> logging.Handler:
    # A plain traceback: the pretty one shows values of variables, and some of those are secrets.
    shown = structlog.dev.ConsoleRenderer(
        colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )
    handler.setFormatter(ProcessorFormatter(processors=[ProcessorFormatter.remove_processors_meta, shown]))
    return handler
