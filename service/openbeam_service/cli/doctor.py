"""``openbeam-service doctor``: is this installation well, and what to do when it is not."""

from __future__ import annotations

import typer

__all__ = ["app"]

app = typer.Typer()


@app.command()
def doctor() -> None:
    """Look everything over: a line each, `ok`, `warn` or `bad`. The exit status is 1 when something is bad."""
    from openbeam_service.doctor.findings import Level
    from openbeam_service.doctor.look import look
    from openbeam_service.settings import Settings

    worst = False
    for found in look(Settings()):
        print(f"{found.level.value:<5} {found.what:<14} {found.said}", flush=True)
        if found.advice:
            print(f"{'':<20} {found.advice}")
        worst |= found.level is Level.bad
    if worst:
        raise typer.Exit(1)
