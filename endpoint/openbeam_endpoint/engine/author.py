"""The author's source: compiled, run, called; and what is said when it raises."""

from __future__ import annotations

import linecache
import pickle
import sys
import traceback
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any, Final, NoReturn

from openbeam.errors import FunctionRaised, WorkerKilled

from openbeam_endpoint.sandbox.settings import OUTPUT_TAIL

__all__ = ["Author"]

_MOST_FRAMES: Final = 20
_LONGEST_TEXT: Final = 2_000


class Author:
    """One function's source, executed as ``<name>.py`` in a namespace of its own."""

    def __init__(self, name: str, source: str) -> None:
        self.filename = f"{name}.py"
        self._source = source
        # Under its own name in sys.modules, as pydantic and dataclasses look there; never in place of a real module.
        self._module = ModuleType(f"function {name}")
        self._module.__file__ = self.filename

    def load(self) -> None:
        """Execute the module.

        Raises
        ------
        FunctionRaised
            When it cannot be compiled or raises.

        """
        lines = self._source.splitlines(keepends=True)
        linecache.cache[self.filename] = (len(self._source), None, lines, self.filename)
        sys.modules[self._module.__name__] = self._module
        self._guard(self._execute)

    def _execute(self) -> None:
        code = compile(self._source, self.filename, "exec", dont_inherit=True)
        exec(code, self._module.__dict__)  # noqa: S102 - to run what an author wrote is what an engine is for

    def unpickle(self, entrypoint: str, code: bytes) -> None:
        """Take the function from a pickle in place of a source; what is in it runs from here on.

        Raises
        ------
        FunctionRaised
            When it cannot be opened here, for instance because a module is not installed.

        """
        function = self._guard(lambda: pickle.loads(code))  # noqa: S301  the author's, in the author's own sandbox
        setattr(self._module, entrypoint, function)
        # Where the author's own lines are, so that an error can name them.
        self.filename = getattr(getattr(function, "__code__", None), "co_filename", self.filename)

    def find(self, name: str) -> Any:
        """Return what the module calls ``name``, or None."""
        return getattr(self._module, name, None)

    def call(self, entrypoint: str, *args: Any, **kwargs: Any) -> Any:
        """Return ``entrypoint(*args, **kwargs)``.

        Raises
        ------
        FunctionRaised
            When there is no such function, or it raises.
        WorkerKilled
            When it ran out of memory.

        """
        function = self.find(entrypoint)
        if not callable(function):
            raise FunctionRaised(
                f"{self.filename} defines no function {entrypoint!r}.",
                type="NameError",
                line=1,
                code=self._line(1),
                traceback="",
            )
        return self.run(lambda: function(*args, **kwargs), function)

    def run(self, work: Callable[[], Any], about: Any = None) -> Any:
        """Return ``work()``; what it raises is the author's. Without a frame of the author's, it is at ``about``.

        Raises
        ------
        FunctionRaised, WorkerKilled
            As ``call``.

        """
        code = getattr(about, "__code__", None)
        return self._guard(work, getattr(code, "co_firstlineno", None) or self._class_line(about))

    def _class_line(self, about: Any) -> int:
        start = f"class {getattr(about, '__name__', '')}"
        numbered = enumerate(self._source.splitlines(), start=1)
        return next((number for number, text in numbered if text.lstrip().startswith(start)), 1)

    def _guard(self, work: Callable[[], Any], line: int = 1) -> Any:
        try:
            return work()
        except MemoryError as error:
            self._out_of_memory(error.__traceback__, line)
        except BaseException as error:  # noqa: BLE001 - sys.exit() and all else: the author should be told
            raise self._raised(error, line) from None

    def _out_of_memory(self, trace: TracebackType | None, line: int) -> NoReturn:
        frames = self._frames(trace)
        line = (frames[-1].lineno if frames else None) or line
        # The frames hold the arrays that filled the memory.
        traceback.clear_frames(trace)
        raise WorkerKilled(
            f"The function ran out of memory on line {line} of {self.filename}. Read fewer columns at a time, or ask "
            "for an endpoint with more memory.",
            signal=None,
            line=line,
            code=self._line(line),
        )

    def _frames(self, trace: TracebackType | None) -> list[traceback.FrameSummary]:
        return [frame for frame in traceback.extract_tb(trace) if frame.filename == self.filename]

    def _raised(self, error: BaseException, line: int) -> FunctionRaised:
        frames = self._frames(error.__traceback__)
        if isinstance(error, SyntaxError) and error.filename == self.filename:
            line = error.lineno or line
        elif frames:
            line = frames[-1].lineno or line
        kind, message = type(error).__name__[:100], _text(error)
        lines = ["Traceback (most recent call last):\n", *traceback.format_list(frames[-_MOST_FRAMES:])]
        return FunctionRaised(
            f"{kind} on line {line} of {self.filename}: {message}",
            type=kind,
            message=message,
            line=line,
            code=self._line(line),
            traceback=f"{''.join(lines)}{kind}: {message}"[-OUTPUT_TAIL:],
        )

    def _line(self, number: int) -> str:
        return linecache.getline(self.filename, number).strip()[:_LONGEST_TEXT]


def _text(error: BaseException) -> str:
    try:
        text = error.msg if isinstance(error, SyntaxError) else str(error)
    except Exception:  # noqa: BLE001 - the author's __str__ may raise too
        return "(its message cannot be shown)"
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]} …"
