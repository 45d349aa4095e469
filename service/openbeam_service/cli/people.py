"""Commands about people: who may sign in, and how they prove it."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from openbeam.models import Role

__all__ = ["app", "users"]

app = typer.Typer()
users = typer.Typer(help="People who may sign in.", no_args_is_help=True)


@app.command()
def token(
    name: str,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires (default: 90).")] = None,
) -> None:
    """Print a new personal token of a user. It is shown this once."""
    from openbeam_service.audit.store import note
    from openbeam_service.identity import store, tokens
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    with opened(settings) as db:
        user = store.the_user(db, name)
        made = tokens.make(db, user, days=days or settings.token_days)
        note(db, "cli", "token.make", user.id, user.name)
    print(made)


@app.command("setup-link")
def setup_link() -> None:
    """Print a new one-time link by which somebody becomes administrator. An older link stops working."""
    from openbeam_service.audit.store import note
    from openbeam_service.provision import make_link, opened
    from openbeam_service.settings import Settings

    settings = Settings()
    with opened(settings) as db:
        link = make_link(settings, db)
        note(db, "cli", "user.setup_link")
    print(link)


def _typed_password() -> str:
    """Return the hash of a password read from standard input."""
    from openbeam_service.identity import passwords

    password = sys.stdin.readline().rstrip("\n")
    passwords.check_new(password, password)
    return passwords.hash_password(password)


def _shown(changes: dict[str, Any]) -> dict[str, Any]:
    """Return what the audit trail may say of changes: of a password, that it is another."""
    said = {field: value for field, value in changes.items() if value is not None}
    return {**said, "password_hash": "changed"} if "password_hash" in said else said


@users.command("add")
def add_user(
    name: str,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.student,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a password from input.")] = False,
) -> None:
    """Add a user. Without a password they can use personal tokens, not the sign-in page."""
    from openbeam_service.audit.store import note
    from openbeam_service.identity import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    hashed = _typed_password() if password_stdin else None
    with opened(Settings()) as db:
        user = store.add_user(db, name, role, hashed)
        note(db, "cli", "user.add", user.id, user.name, role=role)
    print(f"Added {name} ({role}).")


@users.command("set")
def set_user(
    name: str,
    role: Annotated[Role | None, typer.Option(help="What they may do from now on.")] = None,
    active: Annotated[bool | None, typer.Option("--open/--close", help="Open or close the account.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a new password from input.")] = False,
) -> None:
    """Change a user. It works at once: tokens and browsers of a closed account are refused at their next call.

    A new password ends all sign-ins of that person; personal tokens stay.
    """
    from openbeam_service.audit.store import note
    from openbeam_service.credentials.models import CredentialRow, forget
    from openbeam_service.identity import grants, store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    changes: dict[str, Any] = {"role": role, "active": active}
    changes["password_hash"] = _typed_password() if password_stdin else None
    with opened(Settings()) as db:
        user = store.the_user(db, name)
        for field, value in changes.items():
            if value is not None:
                setattr(user, field, value)
        if active is False:
            forget(db, CredentialRow.user_id == user.id)
        if "password_hash" in _shown(changes):
            grants.revoke_all(db, user.id)
        note(db, "cli", "user.set", user.id, user.name, **_shown(changes))
    print(f"Changed {name}.")


@users.command("link")
def link_user(
    name: str,
    provider: Annotated[str, typer.Argument(help="Its name in providers.toml.")],
    subject: Annotated[str, typer.Argument(help="What the provider calls this person; the sign-in page told them.")],
) -> None:
    """Let a user sign in by another provider."""
    from openbeam.errors import NotKnown

    from openbeam_service.identity import store
    from openbeam_service.identity.upstream.store import attach
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    if provider not in settings.providers:
        raise NotKnown.among(provider, settings.providers)
    with opened(settings) as db:
        attach(db, "cli", store.the_user(db, name), settings.providers[provider], subject)
    print(f"{name} may sign in with {settings.providers[provider].label}.")


@users.command("list")
def list_users() -> None:
    """List all users: name, role, and whether they can sign in with a password."""
    from openbeam_service.identity import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        for user in store.users(db):
            way = (
                "closed"
                if not user.active
                else "password"
                if user.password_hash
                else "return key"
                if user.key_hash
                else "no password"
            )
            print(f"{user.name:<24} {user.role:<8} {way}")
