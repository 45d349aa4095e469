"""What a person sees who signs in from Python: a link in a notebook, lines elsewhere."""

from __future__ import annotations

import html
import sys
from importlib import import_module
from typing import Any

__all__ = ["is_notebook", "show"]


def _shell() -> Any:
    """Return IPython's shell when this runs in one; IPython itself is never imported for it."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def is_notebook() -> bool:
    """Tell whether what is displayed reaches a person as HTML."""
    return hasattr(_shell(), "kernel")


def show(sentence: str, address: str, code: str) -> None:
    """Show what to do."""
    if not is_notebook():
        sys.stderr.write("\n".join(filter(None, (sentence, f"  {address}", code and f"  code: {code}"))) + "\n")
        return
    shell = import_module("IPython.display")  # it is there: this is its notebook
    link = f'<a href="{html.escape(address)}" target="_blank" rel="noopener">Sign in to Openbeam</a>'
    shown = f" &nbsp; code: <code><b>{html.escape(code)}</b></code>" if code else ""
    shell.display(shell.HTML(f"<p>{link}{shown}</p>"))
