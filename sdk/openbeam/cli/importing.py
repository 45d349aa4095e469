"""``openbeam datasets import``: a record of CERN Open Data, shown and then added."""

from __future__ import annotations

from typing import Annotated, Final

import typer
from rich.filesize import decimal

from openbeam.cli.screen import diagnostics, plain
from openbeam.client import Client
from openbeam.errors import InvalidInput
from openbeam.models import Dataset, DatasetSpec, Layout
from openbeam.opendata import Wishes, propose

__all__ = ["import_record"]

_OPTIONS: Final = {
    "files": "Use --files PATTERN or --max-files NUMBER.",
    "tree": "Use --tree NAME, and --layout where it is not flat.",
}
_FILES_SHOWN: Final = 3


def import_record(
    record: Annotated[str, typer.Argument(metavar="RECORD", help="Its number or DOI: 5203, 10.7483/OPENDATA.….")],
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="What to call the dataset.  [default: as in cms-2011-5203]")
    ] = None,
    files: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only files called so, as in '4mu_*.csv,4e_*.csv'.")
    ] = None,
    max_files: Annotated[
        int | None, typer.Option(metavar="NUMBER", min=1, help="Only the first files, so many.")
    ] = None,
    tree: Annotated[
        str | None, typer.Option(metavar="NAME", help="The tree in its ROOT files.  [default: by their format]")
    ] = None,
    layout: Annotated[
        Layout | None, typer.Option(help="How columns become events.  [default: by the files' format]")
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Add it without a question.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the dataset as one JSON object.")] = False,
) -> int:
    """Add a record of CERN Open Data as a dataset: what it is, and its licence, are shown first."""
    wishes = Wishes(name, tree, layout, files, max_files)
    try:
        spec = propose(record, wishes)
    except InvalidInput as error:
        if option := _OPTIONS.get(error.details.get("field", "")):
            raise InvalidInput(f"{error} {option}", **error.details) from error
        raise
    with Client() as client:
        _show(spec, client.datasets())
        if not yes and not _agrees():
            return 1
        added = client.publish_dataset(spec)
    if as_json:
        typer.echo(added.model_dump_json())
    else:
        typer.echo(added.name)
        diagnostics().print(f"Run an analysis over it: openbeam run FUNCTION --dataset {added.name}", soft_wrap=True)
    return 0


def _agrees() -> bool:
    """Ask on stderr, where what it is about was shown."""
    try:
        answer = diagnostics().input("Add it? (y/N) ")
    except EOFError as error:
        raise InvalidInput("Nobody answers whether to add it. Say --yes to add it without a question.") from error
    return answer.strip().lower() in {"y", "yes"}


def _show(spec: DatasetSpec, known: list[Dataset]) -> None:
    """Say what will be added; on stderr, so that nothing but the name is in a pipe."""
    console = diagnostics()
    for label, value in _facts(spec).items():
        console.print(f"{label + ':':<12}", plain(value), markup=False, soft_wrap=True)
    for note in spec.notes:
        console.print("-", plain(note), markup=False, soft_wrap=True)
    for one in known:
        if one.name == spec.name:
            console.print(f"There is a dataset {one.name} of {plain(one.owner)}'s: if it is yours, it is replaced.")
        elif one.recid == spec.recid:
            console.print(f"This record is here already, as {one.name}.", markup=False)


def _facts(spec: DatasetSpec) -> dict[str, str]:
    size = decimal(sum(file.size for file in spec.files))
    names = ", ".join(file.uri.rpartition("/")[2] for file in spec.files[:_FILES_SHOWN])
    more = f" and {len(spec.files) - _FILES_SHOWN:,} more" if len(spec.files) > _FILES_SHOWN else ""
    read = spec.layout.value + (f", tree {spec.tree}" if spec.tree else "")
    facts = {
        "Dataset": spec.name,
        "Title": spec.title,
        "Record": spec.link,
        "Licence": spec.license or "none named by the record",
        "Experiment": ", ".join(part for part in (spec.experiment, spec.collision, str(spec.year or "")) if part),
        "Events": "counted when it is first run" if spec.events is None else f"{spec.events:,}",
        "Files": f"{len(spec.files):,}, {size}: {names}{more}",
        "Read as": read,
        "Columns": f"{len(spec.columns)} described" if spec.columns else "not described by the record",
    }
    return facts | ({"Simulated": "yes, and figures made from it say so"} if spec.simulated else {})
