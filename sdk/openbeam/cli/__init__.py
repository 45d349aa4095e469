"""The command line ``openbeam``: what the portal does, for people who type."""

from __future__ import annotations

__all__ = ["main"]


def main() -> int:
    """Run one command and return its exit code."""
    # An engine's worker imports openbeam without ever typing a command.
    from openbeam.cli.app import run_app

    return run_app()
