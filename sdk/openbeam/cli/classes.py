"""Commands about classes."""

from __future__ import annotations

from typing import Annotated

import typer

from openbeam.cli.screen import plain, rows
from openbeam.client import Client
from openbeam.errors import UnknownUser
from openbeam.models import Class, ClassRole, Member

__all__ = ["app"]

app = typer.Typer(help="List classes, make, join and run them.", invoke_without_command=True)
Ref = Annotated[str, typer.Argument(metavar="CLASS", help="Its name or id.")]
Who = Annotated[str, typer.Argument(metavar="MEMBER", help="Nickname, account name or id.")]
Days = Annotated[int, typer.Option(min=1, max=366, help="Days until the join code expires.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


def _table(found: list[Class]) -> None:
    rows(
        ["Class", "Title", "You are", "Members", "Join code", "Until", "Owner"],
        [
            [
                c.name,
                c.title,
                c.role.value if c.role else "",
                c.members,
                c.code or ("" if c.open else "closed"),
                f"{c.code_expires:%Y-%m-%d}" if c.code_expires else "",
                c.owner,
            ]
            for c in found
        ],
        nothing="You are in no class. Join one with: openbeam classes join CODE",
    )


def _found(client: Client, ref: str, who: str) -> Member:
    """Return the member with this name or id."""
    everybody = client.members(ref)
    for member in everybody:
        if who in {member.user_id, member.name}:
            return member
    raise UnknownUser.among(who, [member.name for member in everybody])


def _sure(question: str, *, yes: bool) -> None:
    if not yes:
        typer.confirm(plain(question), abort=True)


@app.callback()
def classes(context: typer.Context) -> None:
    """List the classes that you are in."""
    if context.invoked_subcommand:
        return
    with Client() as client:
        _table(client.classes())


@app.command()
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Small letters, digits, - and _.")],
    title: Annotated[str, typer.Option(metavar="TEXT", help="One line that says what it is.")] = "",
    days: Days = 30,
) -> None:
    """Make a class and print its join code."""
    with Client() as client:
        _table([client.make_class(name, title=title, code_days=days)])


@app.command()
def join(code: Annotated[str, typer.Argument(metavar="CODE", help="As ABCD-EFGH.")]) -> None:
    """Join a class with its code."""
    with Client() as client:
        _table([client.join_class(code)])


@app.command()
def code(
    name: Ref,
    days: Days = 30,
    *,
    close: Annotated[bool, typer.Option("--close", help="Take the code away: nobody new joins.")] = False,
) -> None:
    """Give a class a new join code, or take it away."""
    with Client() as client:
        if close:
            client.close_joining(name)
            _table([client.get_class(name)])
        else:
            _table([client.new_join_code(name, days=days)])


@app.command("open")
def open_class(name: Ref) -> None:
    """Open a closed class again, with its pupils' accounts."""
    with Client() as client:
        _table([client.change_class(name, open=True)])


@app.command()
def close(name: Ref) -> None:
    """Close a class: nobody joins, and its pupils' accounts are closed until it is opened again."""
    with Client() as client:
        _table([client.change_class(name, open=False)])


@app.command()
def delete(name: Ref, *, yes: Yes = False) -> None:
    """Delete a class; its pupils' accounts are closed and their nicknames forgotten."""
    with Client() as client:
        found = client.get_class(name)
        _sure(f"Delete {found.name} with {found.members} people in it?", yes=yes)
        client.delete_class(found)


@app.command()
def members(name: Ref) -> None:
    """List everybody in a class."""
    with Client() as client:
        found = client.members(name)
    rows(
        ["Name", "Is", "Account", "Joined", "Id"],
        [[m.name, m.role.value, "" if m.pupil else "own", f"{m.joined:%Y-%m-%d}", m.user_id] for m in found],
        nothing="Nobody is in it.",
    )


@app.command()
def role(name: Ref, who: Who, is_: Annotated[ClassRole, typer.Argument(metavar="teacher|member")]) -> None:
    """Make somebody a teacher of a class, or a plain member."""
    with Client() as client:
        client.change_member(name, _found(client, name, who), is_)


@app.command()
def remove(name: Ref, who: Who, *, yes: Yes = False) -> None:
    """Take somebody out of a class. A pupil's account is closed for good."""
    with Client() as client:
        member = _found(client, name, who)
        _sure(f"Take {member.name} out of {name}?", yes=yes)
        client.remove_member(name, member)


@app.command()
def leave(name: Ref) -> None:
    """Leave a class."""
    with Client() as client:
        client.remove_member(name, client.whoami().id)


@app.command()
def key(name: Ref, who: Who) -> None:
    """Print a new return key for a pupil who has lost theirs. It is shown this once."""
    with Client() as client:
        typer.echo(client.new_return_key(name, _found(client, name, who)))
