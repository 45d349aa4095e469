"""The command ``openbeam-service``: what the administrator of an installation types.

A command's imports are inside it: the help must not wait for the whole service to load.
"""

from openbeam_service.cli.app import main

__all__ = ["main"]
