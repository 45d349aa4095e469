"""Commands about endpoints."""

from __future__ import annotations

from typing import Annotated

import typer

from openbeam.checks import checked
from openbeam.cli.functions import Classes, chosen
from openbeam.cli.screen import rows
from openbeam.client import Client
from openbeam.models import Endpoint, EndpointPolicy, EndpointUsers

__all__ = ["app"]

app = typer.Typer(help="List endpoints; say who may use yours, and for what.", invoke_without_command=True)
Ref = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name or id.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="What its owner should know.")]


@app.callback()
def endpoints(
    context: typer.Context,
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Wait until one is online.")] = 0.0,
) -> int:
    """List the endpoints that compute for you."""
    if context.invoked_subcommand:
        return 0
    with Client() as client:
        found = client.wait_for_endpoint(wait)
    rows(
        ["Endpoint", "State", "Workers", "Waiting", "Isolation", "Owner", "Id"],
        [
            [
                e.name,
                "online" if e.online else "offline",
                e.status.workers if e.status else "",
                e.waiting,
                e.status.isolation.value if e.status else "",
                e.owner,
                e.id,
            ]
            for e in found
        ],
        nothing="No endpoints yet. Start one with openbeam-endpoint start NAME.",
    )
    return 0 if not wait or any(e.online for e in found) else 1


def _facts(found: Endpoint) -> None:
    status, policy = found.status, found.policy
    facts: list[tuple[str, object]] = [
        ("Endpoint", found.name),
        ("Id", found.id),
        ("Description", found.description),
        ("Owner", found.owner),
        ("State", f"{'online' if found.online else 'offline'}, {found.waiting} waiting"),
        ("Capacity", f"{found.capacity} tasks at once" if status else ""),
        ("Isolation", status.isolation.value if status else ""),
        ("Environment", f"{status.environment_name or ''} {status.environment}".strip() if status else ""),
        ("Seen by", ", ".join(found.classes) or found.visibility.value),
        ("Public", f"{found.approval.state.value} {found.approval.note}".strip() if found.approval else ""),
        ("Used by", {"owner": "its owner only", "classes": "its classes only"}.get(policy.users.value, "who sees it")),
        ("Functions", ", ".join(policy.functions) or "all"),
        ("Environments", ", ".join(policy.environments)),
        ("Labels", ", ".join(f"{name}={value}" for name, value in found.labels.items())),
    ]
    rows(["", ""], [fact for fact in facts if fact[1]], nothing="")


@app.command()
def show(ref: Ref) -> None:
    """Show an endpoint: its state, who may use it, and for what."""
    with Client() as client:
        _facts(client.endpoint(ref))


@app.command()
def share(
    ref: Ref,
    classes: Classes = None,
    *,
    public: Annotated[bool, typer.Option("--public", help="With everybody, once an administrator approves.")] = False,
    private: Annotated[bool, typer.Option("--private", help="With nobody.")] = False,
) -> None:
    """Say who sees your endpoint: a class (--class), everybody (--public) or only you (--private)."""
    with Client() as client:
        _facts(client.share_endpoint(ref, chosen(classes, public=public, private=private), classes or []))


@app.command()
def policy(
    ref: Ref,
    users: Annotated[EndpointUsers | None, typer.Option(help="Who of those that see it may use it.")] = None,
    functions: Annotated[
        list[str] | None, typer.Option("--function", metavar="RULE", help="OWNER/NAME[@VERSION], id or SHA-256.")
    ] = None,
    environments: Annotated[
        list[str] | None, typer.Option("--environment", metavar="NAME", help="Name or digest; any number.")
    ] = None,
    *,
    any_function: Annotated[bool, typer.Option("--any-function", help="Take all functions again.")] = False,
    any_environment: Annotated[bool, typer.Option("--any-environment", help="Whatever is installed.")] = False,
) -> None:
    """Say whose tasks your endpoint takes, of which functions. What is not given stays."""
    with Client() as client:
        known = client.endpoint(ref)
        old = known.policy
        wanted = checked(
            EndpointPolicy,
            users=users or old.users,
            functions=[] if any_function else functions or old.functions,
            environments=[] if any_environment else environments or old.environments,
        )
        _facts(client.change_endpoint(known, policy=wanted))


@app.command()
def label(
    ref: Ref,
    labels: Annotated[list[str], typer.Argument(metavar="NAME=VALUE...", help="NAME= takes a label away.")],
) -> None:
    """Change the labels of your endpoint."""
    wrong = next((text for text in labels if "=" not in text), None)
    if wrong is not None:
        raise typer.BadParameter(f"{wrong!r}: write NAME=VALUE")
    with Client() as client:
        known = client.endpoint(ref)
        given = dict(text.split("=", 1) for text in labels)
        merged = {name: value for name, value in {**known.labels, **given}.items() if value}
        _facts(client.change_endpoint(known, labels=merged))


@app.command()
def approve(ref: Ref, note: Note = "") -> None:
    """Let everybody see an endpoint whose owner has asked for it; for administrators."""
    with Client() as client:
        _facts(client.approve_endpoint(ref, note=note))


@app.command()
def decline(ref: Ref, note: Note = "") -> None:
    """Decline that, also after it was approved; for administrators."""
    with Client() as client:
        _facts(client.approve_endpoint(ref, approve=False, note=note))


@app.command()
def revoke(ref: Ref) -> None:
    """Refuse your endpoint's agent from now on, until it is configured again."""
    with Client() as client:
        client.revoke_endpoint(ref)


@app.command()
def delete(ref: Ref) -> None:
    """Take your endpoint away. Tasks that wait for it fail; its results stay."""
    with Client() as client:
        client.delete_endpoint(ref)


@app.command()
def environments() -> None:
    """List what endpoints have installed."""
    with Client() as client:
        found = client.environments()
    rows(
        ["Environment", "Python", "Packages", "State", "Endpoints", "Digest"],
        [
            [
                ", ".join(e.names),
                e.python,
                len(e.packages) or "",
                "online" if e.online else "offline",
                ", ".join(e.endpoints),
                e.digest,
            ]
            for e in found
        ],
        nothing="No environment is known yet: no endpoint has called.",
    )
