"""The live figure's JavaScript: small modules, each tested on its own, sent to the browser as one.

Streamlit loads a component's script from a blob, which cannot import its neighbours.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

__all__ = ["script", "style"]

_FOLDER = Path(__file__).with_name("browser")
# Each module after those that it imports.
_MODULES = (
    "label",
    "scale",
    "uhi",
    "text",
    "steps",
    "svg",
    "frame",
    "histogram",
    "bars",
    "heat",
    "feed",
    "panel",
    "live",
)
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:const|function|class) )", re.MULTILINE)


@cache
def script() -> str:
    """Return all modules as one, whose only export is the component's function."""
    sources = ((_FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in _MODULES)
    return "\n".join(_EXPORT.sub("", _IMPORT.sub("", source)) for source in sources)


@cache
def style() -> str:
    """Return the style sheet."""
    return (_FOLDER / "live.css").read_text(encoding="utf-8")
