"""``openbeam functions new``, ``check`` and ``publish``: an analysis from nothing to a class."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer
from rich.text import Text

from openbeam.authoring import findings, template, trial
from openbeam.authoring.folder import Folder
from openbeam.cli.screen import diagnostics, plain, result
from openbeam.client import Client
from openbeam.errors import NotInstalled, UnknownDataset
from openbeam.extras import extra
from openbeam.home import DEFAULT_PORTAL_URL
from openbeam.models import DatasetSpec, Function, Visibility
from openbeam.places import is_loopback, service_url

__all__ = ["COMMANDS"]

Place = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of the analysis.")]
_GOOD, _BAD = "✓", "✗"


def _dataset(name: str) -> DatasetSpec:
    """Return a dataset: of those that come with Openbeam, which needs no service, else of the service's."""
    with suppress(NotInstalled, UnknownDataset):
        found: DatasetSpec = extra("record")(name)
        return found
    with Client() as client:
        return client.dataset(name)


def new(
    name: Annotated[Path, typer.Argument(metavar="NAME", help="What to call it; a folder of that name is made.")],
    dataset: Annotated[str, typer.Option(metavar="DATASET", help="What it is for.")] = "cms-2010-zmumu",
) -> None:
    """Begin an analysis: a folder with a text that runs at once, and a lesson to write."""
    for path in template.begin(name, _dataset(dataset)):
        result().print(Text(str(path)), soft_wrap=True)
    typer.echo(f"Change analysis.py, then: openbeam functions check {_quoted(name)}", err=True)


def check(
    folder: Place,
    sample: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A file with events.  [default: of its first dataset]")
    ] = None,
) -> int:
    """Say what an analysis lacks, and try it on 1,000 events in a sandbox."""
    if sample is not None and not sample.is_file():
        raise typer.BadParameter(f"there is no file {sample}", param_hint="--sample")
    texts = Folder.read(folder)
    good = _show([*findings.of_texts(texts), *findings.of_lessons(texts)])
    make_bench = extra("bench")
    with diagnostics().status("starting a sandbox"):
        bench = make_bench(_dataset(texts.meta.datasets[0]), sample)
    with bench:
        good = _show(trial.try_out(texts, bench)) and good
    if good:
        typer.echo(f"Good. To share it: openbeam functions publish {_quoted(folder)}", err=True)
        return 0
    typer.echo(f"Mend what has a {_BAD}, then check again.", err=True)
    return 1


def publish(
    folder: Place,
    classes: Annotated[
        list[str] | None, typer.Option("--class", metavar="CLASS", help="Share it with a class; any number.")
    ] = None,
    *,
    public: Annotated[bool, typer.Option("--public", help="Share it with everybody (teachers only).")] = False,
) -> None:
    """Publish an analysis: its text, its parameters and its lessons. It is private until it is shared."""
    if classes and public:
        raise typer.BadParameter("choose one of --class NAME and --public")
    texts = Folder.read(folder)
    seen = Visibility.public if public else Visibility.class_ if classes else None
    spec = texts.spec(texts.parameters(), seen, classes=classes or [])
    with Client() as client:
        made = client.publish_function(spec)
    console = result()
    console.print(Text(f"{made.name}@{made.version}  {', '.join(made.classes) or made.visibility.value}"))
    console.print(Text(_link(made)), soft_wrap=True)


def _link(made: Function) -> str:
    """Return the address of its page, or the part of it that is the same on every portal."""
    page = f"/analysis?function={made.name}"
    portal = os.environ.get("OPENBEAM_PORTAL_URL")
    if portal is None and is_loopback(httpx.URL(service_url()).host):
        portal = DEFAULT_PORTAL_URL
    return f"{portal.rstrip('/')}{page}" if portal else f"on the portal: {page}"


def _show(found: Iterable[findings.Finding]) -> bool:
    """Print findings as they come; True when all are good."""
    console, good = result(), True
    marks = {True: (_GOOD, "green"), False: (_BAD, "red")}
    if not _can_write(_GOOD + _BAD):
        marks = {True: ("ok ", "green"), False: ("NO ", "red")}
    for one in found:
        good = good and one.good
        console.print(Text.assemble(marks[one.good], " ", plain(one.what)), soft_wrap=True)
    return good


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


COMMANDS = (new, check, publish)
