"""``openbeam-endpoint``: lend this machine."""

from openbeam_endpoint.cli.app import main

__all__ = ["main"]
