"""Renders a page. All text is escaped by the template engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from fastapi import Request
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates

__all__ = ["STATIC", "message", "page"]

STATIC: Final = Path(__file__).parent / "static"
_templates: Final = Jinja2Templates(Path(__file__).parent / "templates")


def page(request: Request, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
    """Return the page ``name`` with its values."""
    return _templates.TemplateResponse(request, f"{name}.html", values, status_code=status)


def message(request: Request, title: str, text: str, status: int = 200, **link: str) -> HTMLResponse:
    """Return a page that says one thing, and may offer one link (``href``, ``label``)."""
    return page(request, "message", status, title=title, text=text, **link)
