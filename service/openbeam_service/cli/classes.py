"""Commands about classes: what an administrator does for a teacher."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Classes and their join codes.", no_args_is_help=True)
Ref = Annotated[str, typer.Argument(metavar="CLASS", help="OWNER/NAME, or the id.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="Days until the join code expires.")]


@app.command("list")
def list_classes() -> None:
    """List all classes: owner and name, state, join code."""
    from openbeam_service.classes import store
    from openbeam_service.classes.codes import spaced
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        for row in store.every(db):
            state = "open" if row.open else "closed"
            until = f"{spaced(row.code)} until {row.code_expires:%Y-%m-%d}" if row.code and row.code_expires else "-"
            print(f"{row.owner.name + '/' + row.name:<40} {state:<7} {until}")


@app.command("add")
def add_class(owner: str, name: str, title: str = "", days: Days = 30) -> None:
    """Make a class for a teacher and print its join code."""
    from openbeam.checks import checked
    from openbeam.models import ClassSpec

    from openbeam_service.classes import store
    from openbeam_service.classes.codes import spaced
    from openbeam_service.identity.store import the_user
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    spec = checked(ClassSpec, name=name, title=title, code_days=days)
    with opened(settings) as db:
        row = store.make(db, "cli", the_user(db, owner), spec, settings)
        print(spaced(row.code or ""))


@app.command("code")
def new_code(ref: Ref, days: Days = 30) -> None:
    """Give a class a new join code and print it. The old one stops working."""
    from openbeam_service.classes import store
    from openbeam_service.classes.codes import spaced
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        row = store.the_class(db, ref)
        store.new_code(db, "cli", row, days)
        print(spaced(row.code or ""))


@app.command("close")
def close_class(ref: Ref, *, again: Annotated[bool, typer.Option("--open", help="Open it again.")] = False) -> None:
    """Close a class and its pupils' accounts, at once, or open it again."""
    from openbeam.models import ClassChange

    from openbeam_service.classes import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        store.change(db, "cli", store.the_class(db, ref), ClassChange(open=again))
    print(f"{'Opened' if again else 'Closed'} {ref}.")


@app.command("remove")
def remove_class(ref: Ref) -> None:
    """Delete a class. Its pupils' accounts are closed and their nicknames forgotten."""
    from openbeam_service.classes import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        store.remove(db, "cli", store.the_class(db, ref))
    print(f"Removed {ref}.")
