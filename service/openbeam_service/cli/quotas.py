"""Commands about quotas."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="How much people and classes may have and use.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A user, or with --class OWNER/NAME of a class, or its id.")]
Whole = Annotated[int | None, typer.Option(min=0)]
Hours = Annotated[float | None, typer.Option(min=0, help="Hours of CPU time in 24 hours.")]


@app.command("list")
def list_rules() -> None:
    """List the rules for people and classes; what a role may have is in the settings."""
    from openbeam_service.provision import opened
    from openbeam_service.quotas import store
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        for entry in store.entries(db):
            limits = ", ".join(f"{name} {limit:,}" for name, limit in entry.rule.model_dump(exclude_none=True).items())
            print(f"{entry.kind:<6} {entry.name:<32} {limits}")


@app.command("set")
def set_rule(
    name: Name,
    *,
    of_class: Annotated[bool, typer.Option("--class", help="For all members of a class together.")] = False,
    runs: Whole = None,
    tasks: Whole = None,
    cpu_hours: Hours = None,
) -> None:
    """Make a rule in place of the one there was. Without any limit, the role's limits apply again."""
    from openbeam.checks import checked
    from openbeam.models import QuotaRule

    from openbeam_service.classes.store import the_class
    from openbeam_service.identity.store import the_user
    from openbeam_service.provision import opened
    from openbeam_service.quotas import store
    from openbeam_service.settings import Settings

    seconds = None if cpu_hours is None else 3600 * cpu_hours
    rule = checked(QuotaRule, runs=runs, tasks=tasks, cpu_seconds=seconds)
    with opened(Settings()) as db:
        store.set_rule(db, "cli", the_class(db, name) if of_class else the_user(db, name), rule)
    print(f"Changed {name}.")
