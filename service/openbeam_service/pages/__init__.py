"""The few pages that the service shows itself, without a script and without anything from outside."""

from openbeam_service.pages.render import STATIC, message, page

__all__ = ["STATIC", "message", "page"]
