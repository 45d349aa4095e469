"""``openbeam fit``: a peak's place and width, with uncertainties, beside what is known of the particle."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from openbeam.cli import histogram_source
from openbeam.cli.screen import plain, result, rows
from openbeam.errors import InvalidInput

if TYPE_CHECKING:
    from openbeam.fit import Fit

__all__ = ["COMMANDS"]

_ENDINGS: Final = (".pdf", ".png", ".svg")


def fit(  # noqa: PLR0913 - options of a command
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A run's id, a JSON file of `run --json`, or -.")],
    histogram: Annotated[
        str | None, typer.Option(metavar="NAME", help="Which histogram.  [default: the one of masses]")
    ] = None,
    signal: Annotated[str, typer.Option(metavar="SHAPE", help="gauss, crystal-ball or voigt.")] = "gauss",
    background: Annotated[
        str, typer.Option(metavar="SHAPE", help="none, exp, poly0, poly1, poly2 or poly3.")
    ] = "poly1",
    within: Annotated[
        tuple[float, float] | None, typer.Option("--range", metavar="LOW HIGH", help="From where to where.  [all]")
    ] = None,
    particle: Annotated[
        str, typer.Option(metavar="NAME", help="To compare with; auto: what is known there; none.")
    ] = "auto",
    fix: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Hold a parameter; VALUE may be pdg. Any number.")
    ] = None,
    figure: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the figure: .png, .pdf or .svg.")] = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Fit a peak in a histogram, and compare it with what is known of the particle."""
    if figure is not None and figure.suffix not in _ENDINGS:
        raise typer.BadParameter(f"Name a file that ends in {', '.join(_ENDINGS)}.", param_hint="--figure")
    held = _held(fix or [])
    read = histogram_source.read(source)
    name, uhi = read.choose(histogram)
    # Only here are hist, iminuit and scipy needed, which take a second to import.
    from openbeam.fit import fit as fitted
    from openbeam.histograms import from_uhi

    about = None if particle == "none" else particle
    found = fitted(from_uhi(uhi), signal, background, within=within, particle=about, fix=held)
    if figure is not None:
        _write(found, read, figure)
    if as_json:
        made = read.provenance.model_dump(mode="json") if read.provenance else None
        answer = {"run": read.run_id or None, "name": name, "fit": found.to_json(), "provenance": made}
        sys.stdout.write(json.dumps(answer) + "\n")
    else:
        _print(name, found, read)


def _held(pairs: list[str]) -> dict[str, float | str]:
    """Return the parameters of ``--fix name=value``."""
    held: dict[str, float | str] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            held[name] = text if text == "pdg" else float(text)
        except ValueError:
            raise typer.BadParameter(f"Write {pair} as name=number, or name=pdg.", param_hint="--fix") from None
    return held


def _write(found: Fit, read: histogram_source.Source, path: Path) -> None:
    # It says on stderr which of a style's many fonts are not here.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    try:
        found.plot(path, around=read.around())
    except OSError as error:
        raise InvalidInput(f"The figure cannot be written: {error.strerror or error}.", field="figure") from error


def _print(name: str, found: Fit, read: histogram_source.Source) -> None:
    from openbeam.cli.fit_figure import draw

    console = result()
    made = read.provenance
    draw(console, name, found, simulated=made is not None and made.simulated)
    console.print()
    rows(["Parameter", "", "Value"], [[one.name, one.title, one] for one in found.rows], nothing="")
    console.print()
    console.print(found.summary(), markup=False, soft_wrap=True)
    for sentence in found.sentences:
        console.print(sentence, markup=False, soft_wrap=True)
    if made is not None:
        events = f", {read.account.sentence()}" if read.account else ""
        line = plain(f"{made.function} on {made.source()}{events}, run {read.run_id}")
        console.print(line, style="dim", markup=False, soft_wrap=True)


COMMANDS: tuple[Callable[..., Any], ...] = (fit,)
