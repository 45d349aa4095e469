"""Commands about functions."""

from __future__ import annotations

from typing import Annotated

import typer

from openbeam.cli import authoring
from openbeam.cli.screen import rows
from openbeam.client import Client
from openbeam.lessons import languages_of
from openbeam.models import CodeFormat, Function, FunctionKind, FunctionSummary, Visibility

__all__ = ["app"]

app = typer.Typer(help="List, search, write, share and retire functions.", invoke_without_command=True)
Ref = Annotated[str, typer.Argument(metavar="FUNCTION", help="Name, name@version or id.")]
Classes = Annotated[list[str] | None, typer.Option("--class", metavar="CLASS", help="With a class; any number.")]


def _table(found: list[FunctionSummary], *, nothing: str = "No function fits.") -> None:
    rows(
        ["Function", "Kind", "Title", "Datasets", "Owner", "Seen by", "Note"],
        [
            [f"{f.name}@{f.version}", _kind(f), f.title, ", ".join(f.datasets), f.owner, _seen(f), _note(f)]
            for f in found
        ],
        nothing=nothing,
    )


def _kind(function: FunctionSummary) -> str:
    return "pickled code" if function.format is CodeFormat.pickle else function.kind.value


def _seen(function: FunctionSummary) -> str:
    return ", ".join(function.classes) or function.visibility.value


def _note(function: FunctionSummary) -> str:
    return f"deprecated: {function.deprecated.reason}" if function.deprecated else ""


@app.callback()
def functions(context: typer.Context) -> None:
    """List the functions that you may run."""
    if context.invoked_subcommand:
        return
    with Client() as client:
        _table(client.functions(), nothing="No functions yet.")


for command in authoring.COMMANDS:
    app.command()(command)


@app.command()
def search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]...", help="All must be there.")] = None,
    kind: Annotated[FunctionKind | None, typer.Option(help="Plain functions or analyses.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Written for this dataset.")] = None,
    owner: Annotated[str | None, typer.Option(help="Of this person.")] = None,
    environment: Annotated[str | None, typer.Option(help="That needs this environment.")] = None,
    class_: Annotated[str | None, typer.Option("--class", help="Shared with this class of yours.")] = None,
    *,
    deprecated: Annotated[bool | None, typer.Option("--deprecated/--current", help="Deprecated or not.")] = None,
) -> None:
    """Search names, titles, tags, descriptions and docstrings; the best come first."""
    filters = {"kind": kind, "tag": tag, "dataset": dataset, "owner": owner, "environment": environment}
    with Client() as client:
        _table(client.functions(" ".join(words or []), **filters, class_=class_, deprecated=deprecated))


@app.command()
def show(
    ref: Ref,
    *,
    source: Annotated[bool, typer.Option("--source", help="Print its source text instead.")] = False,
) -> None:
    """Show a function: its parameters, where it runs, and its SHA-256."""
    with Client() as client:
        found = client.function(ref)
    if source:
        typer.echo(found.source)
        return
    rows(["", ""], _facts(found), nothing="")


def _facts(found: Function) -> list[tuple[str, object]]:
    old = found.deprecated
    facts: list[tuple[str, object]] = [
        ("Function", f"{found.name}@{found.version}"),
        ("Id", found.id),
        ("Kind", _kind(found)),
        ("Title", found.title),
        ("Description", found.description),
        ("Parameters", ", ".join(found.parameters.get("properties", {}))),
        ("Tags", ", ".join(found.tags)),
        ("Datasets", ", ".join(found.datasets)),
        ("Lessons", ", ".join(languages_of(found.lessons))),
        ("Environment", found.environment or "any"),
        ("Python", found.python),
        ("Owner", found.owner),
        ("Seen by", _seen(found)),
        ("Deprecated", old and f"{old.reason} {f'Use {old.successor}.' if old.successor else ''}"),
        ("SHA-256", found.sha256),
    ]
    return [fact for fact in facts if fact[1]]


@app.command()
def versions(ref: Ref) -> None:
    """List all versions of a function, newest first."""
    with Client() as client:
        _table(client.versions(ref))


@app.command()
def share(
    ref: Ref,
    classes: Classes = None,
    *,
    public: Annotated[bool, typer.Option("--public", help="With everybody (teachers only).")] = False,
    private: Annotated[bool, typer.Option("--private", help="With nobody.")] = False,
) -> None:
    """Say who sees a version: a class (--class), everybody (--public) or only you (--private)."""
    with Client() as client:
        _table([client.share_function(ref, chosen(classes, public=public, private=private), classes or [])])


def chosen(classes: list[str] | None, *, public: bool, private: bool) -> Visibility:
    """Return the one visibility that the options ask for; ending with an error when that is not one."""
    wanted = {Visibility.public: public, Visibility.private: private, Visibility.class_: bool(classes)}
    if sum(wanted.values()) != 1:
        raise typer.BadParameter("choose one of --class NAME, --public and --private")
    return next(visibility for visibility, is_wanted in wanted.items() if is_wanted)


@app.command()
def deprecate(
    ref: Ref,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why nobody should use it any more.")],
    successor: Annotated[str | None, typer.Option(metavar="FUNCTION", help="What to use instead.")] = None,
) -> None:
    """Say that a version should not be used any more. It still runs, and says so."""
    with Client() as client:
        _table([client.deprecate_function(ref, reason, successor)])


@app.command()
def undeprecate(ref: Ref) -> None:
    """Recommend a version again."""
    with Client() as client:
        client.undeprecate_function(ref)


@app.command()
def delete(ref: Ref) -> None:
    """Delete a version that nobody has used."""
    with Client() as client:
        client.delete_function(ref)
