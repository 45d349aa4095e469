"""The command ``openbeam-service``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from openbeam.errors import OpenbeamError
from openbeam.models import Role
from pydantic import ValidationError

__all__ = ["main"]

app = typer.Typer(help="The Openbeam service.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
user_app = typer.Typer(help="People who may sign in.", no_args_is_help=True)
app.add_typer(user_app, name="user")


# Imports inside the commands: the help must not wait for the whole service to load.
@app.command()
def init() -> None:
    """Make the data directory ready. May be run again at any time."""
    from openbeam_service.provision import initialise
    from openbeam_service.settings import Settings

    settings = Settings()
    link = initialise(settings)
    print(f"Ready: {settings.home.root}")
    if link:
        print(f"Choose the administrator's name and password here (works once): {link}")


@app.command()
def serve() -> None:
    """Serve the REST API and the sign-in pages."""
    import structlog
    import uvicorn

    from openbeam_service import log
    from openbeam_service.app import create_app
    from openbeam_service.settings import Settings

    settings = Settings()
    host, port = settings.address
    application = create_app(settings)
    log.set_up()
    structlog.get_logger("openbeam.service").info("serving", url=settings.url, host=host, port=port)
    uvicorn.run(
        application,
        host=host,
        port=port,
        workers=1,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=3,
    )


@app.command()
def valkey() -> None:
    """Run the queue's server on a unix socket, in place of this process."""
    from openbeam_service.queue_server import command
    from openbeam_service.settings import Settings

    line = command(Settings().home)
    os.execv(line[0], line)  # noqa: S606  a fixed command of our own, without a shell


@app.command()
def token(
    name: str,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires (default: 90).")] = None,
) -> None:
    """Print a new personal token of a user. It is shown this once."""
    from openbeam_service.identity import store, tokens
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    settings = Settings()
    with opened(settings) as db:
        made = tokens.make(db, store.the_user(db, name), days=days or settings.token_days)
    print(made)


@app.command("setup-link")
def setup_link() -> None:
    """Print a new one-time link by which somebody becomes administrator. An older link stops working."""
    from openbeam_service.provision import make_link, opened
    from openbeam_service.settings import Settings

    settings = Settings()
    with opened(settings) as db:
        link = make_link(settings, db)
    print(link)


def _typed_password() -> str:
    """Return the hash of a password read from standard input."""
    from openbeam_service.identity import passwords

    password = sys.stdin.readline().rstrip("\n")
    passwords.check_new(password, password)
    return passwords.hash_password(password)


@user_app.command("add")
def add_user(
    name: str,
    role: Annotated[Role, typer.Option(help="What they may do.")] = Role.student,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a password from input.")] = False,
) -> None:
    """Add a user. Without a password they can use personal tokens, not the sign-in page."""
    from openbeam_service.identity import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    hashed = _typed_password() if password_stdin else None
    with opened(Settings()) as db:
        store.add_user(db, name, role, hashed)
    print(f"Added {name} ({role}).")


@user_app.command("set")
def set_user(
    name: str,
    role: Annotated[Role | None, typer.Option(help="What they may do from now on.")] = None,
    active: Annotated[bool | None, typer.Option("--open/--close", help="Open or close the account.")] = None,
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read a new password from input.")] = False,
) -> None:
    """Change a user. It works at once: tokens and browsers of a closed account are refused at their next call."""
    from openbeam_service.identity import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    changes: dict[str, object] = {"role": role, "active": active}
    changes["password_hash"] = _typed_password() if password_stdin else None
    with opened(Settings()) as db:
        user = store.the_user(db, name)
        for field, value in changes.items():
            if value is not None:
                setattr(user, field, value)
    print(f"Changed {name}.")


@user_app.command("list")
def list_users() -> None:
    """List all users: name, role, and whether they can sign in with a password."""
    from openbeam_service.identity import store
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    with opened(Settings()) as db:
        for user in store.users(db):
            way = "closed" if not user.active else "password" if user.password_hash else "tokens only"
            print(f"{user.name:<24} {user.role:<8} {way}")


def _explained(error: Exception) -> str | None:
    """Return a mistake of the person who runs the service, in one plain line; None for a mistake of ours."""
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        return f"OPENBEAM_{name}: {first['msg'].removeprefix('Value error, ')}"
    if isinstance(error, SQLAlchemyError):
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        return f"The database cannot be used: {cause}. Run `openbeam-service init` first."
    return str(error) if isinstance(error, OpenbeamError | OSError) else None


def main() -> None:
    """Run the command; a mistake is one plain line and exit status 1."""
    try:
        app()
    except Exception as error:
        line = _explained(error)
        if line is None:
            raise
        print(f"openbeam-service: {line}", file=sys.stderr)
        sys.exit(1)
