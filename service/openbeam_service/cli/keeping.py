"""Commands that keep an installation: backup, restore, upgrade."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer()


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it.")],
    *,
    with_keys: Annotated[bool, typer.Option("--with-keys", help="Add the keys: who has them can be anybody.")] = False,
) -> None:
    """Save all that people have made in one file. The service may run meanwhile."""
    from openbeam_service.audit.store import note
    from openbeam_service.backup.save import save
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    made = save(settings, file, with_keys=with_keys)
    with opened(settings) as db:
        note(db, "cli", "service.backup", name=file.name, with_keys=with_keys)
    print(f"Saved {sum(made.rows.values()):,} rows and {_files(made.members)} files: {file}")
    print("It has everybody's password hashes and results. Keep it where only you can read it.")
    if with_keys:
        print("It has the KEYS too: who reads it can sign in as anybody.")
    for key in made.missing:
        print(f"openbeam-service: the uploaded file {key} is not in the data directory", file=sys.stderr)
    if made.missing:
        raise typer.Exit(1)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` has written.")],
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there; it is saved first.")] = False,
) -> None:
    """Put back a backup, on this database or another kind. Stop the service first."""
    from openbeam_service.audit.store import note
    from openbeam_service.backup.restore import restore as put_back
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    made = put_back(settings, file, force=force)
    with opened(settings) as db:
        note(db, "cli", "service.restore", name=file.name, taken=made.created.isoformat())
    taken = f"{made.created:%Y-%m-%d %H:%M} UTC"
    print(f"Restored {sum(made.rows.values()):,} rows and {_files(made.members)} files of {taken}.")
    print("Now run `openbeam-service init`, then start the service.")


@app.command()
def upgrade() -> None:
    """Bring the database to this program's schema. It is saved first."""
    from openbeam_service.provision import upgraded
    from openbeam_service.settings import Settings

    saved, steps = upgraded(Settings())
    if saved:
        print(f"What was there is in {saved}")
    print(f"Applied {len(steps)} steps: {', '.join(reversed(steps))}" if steps else "The database is up to date.")


def _files(members: Iterable[str]) -> int:
    return sum(name.startswith("files/") for name in members)
