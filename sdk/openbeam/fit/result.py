"""What a fit found, as numbers, as sentences and as files."""

from __future__ import annotations

import csv
import html
import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openbeam.fit.around import Around
from openbeam.fit.around import around as around_of
from openbeam.fit.bins import Bins
from openbeam.fit.model import Model
from openbeam.fit.numbers import chance, measured, plain_number
from openbeam.fit.pdg import Comparison
from openbeam.fit.shapes import BACKGROUNDS, SIGNALS, Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from openbeam.run import Run

__all__ = ["Fit", "Fitted"]


@dataclass(frozen=True)
class Fitted:
    """A parameter, as the fit left it."""

    name: str
    title: str
    value: float
    error: float | None
    """One standard deviation; None when the parameter was not free."""
    unit: str

    def __str__(self) -> str:
        if self.error is None:
            return f"{plain_number(self.value)} {self.unit}".rstrip() + " (held)"
        return measured(self.value, self.error, self.unit)


@dataclass(frozen=True, repr=False)
class Fit:
    """A peak upon a background, fitted to the bins of a histogram."""

    signal: str
    background: str
    bins: Bins
    model: Model
    parameters: tuple[Fitted, ...]
    covariance: Array
    """Of ``parameters`` in their order; rows and columns of those that were not free are 0."""
    background_entries: Fitted
    """All background in the range."""
    chi2: float
    """Distance of the fit from the bins (Baker and Cousins), distributed as chi square where bins are not too empty."""
    ndf: int
    """Bins less free parameters."""
    p_value: float
    """Chance of a larger chi square, were the curve the truth."""
    comparison: Comparison | None
    remarks: tuple[str, ...]
    """What one should know before believing the numbers."""

    def __getitem__(self, name: str) -> Fitted:
        """Return a parameter by name."""
        return next(parameter for parameter in self.parameters if parameter.name == name)

    @property
    def values(self) -> list[float]:
        """Values of all parameters in their order."""
        return [parameter.value for parameter in self.parameters]

    @property
    def expected(self) -> Array:
        """Entries that the curve has in each bin."""
        return self.model.expected(self.bins.edges, self.values)

    @property
    def expected_background(self) -> Array:
        """Entries that the background has in each bin."""
        return self.model.expected_background(self.bins.edges, self.values)

    @property
    def pulls(self) -> Array:
        """For each bin: content less curve, in standard deviations that the curve expects."""
        expected = self.expected
        return np.asarray((self.bins.values - expected) * np.sqrt(self.bins.scale / expected))

    @property
    def rows(self) -> list[Fitted]:
        """Parameters as people read them: where the background has several, all of it comes last."""
        several = len(self.model.background.yields) > 1
        return [*self.parameters, *([self.background_entries] if several else [])]

    @property
    def sentences(self) -> list[str]:
        """The comparison, when there is one, and the remarks."""
        return [*([self.comparison.sentence] if self.comparison else []), *self.remarks]

    def summary(self) -> str:
        """Return in one line what was fitted to what, and how well it agrees."""
        shapes = f"{SIGNALS[self.signal].title} upon {BACKGROUNDS[self.background].title}"
        low, high = (f"{edge:.6g}" for edge in (self.bins.edges[0], self.bins.edges[-1]))
        where = f"{low} to {high} {self.bins.unit}".rstrip()
        return f"{shapes}, {where}, {self.bins.entries:,.6g} entries in {len(self.bins.values)} bins: {self.goodness()}"

    def goodness(self) -> str:
        """Return the sentence on how well the curve agrees."""
        return f"χ²/ndf = {self.chi2:.1f}/{self.ndf} = {self.chi2 / self.ndf:.2f}, p-value {chance(self.p_value)}"

    def plot(self, path: str | Path | None = None, *, run: Run | None = None, around: Around | None = None) -> Figure:
        """Return the figure: bins, curve and pulls; save it when there is a path (its ending says the format).

        What stands around it is ``around``; or what is known of the ``run`` whose histogram it is.
        """
        from openbeam.fit.figure import draw

        if around is None and run is not None:
            around = around_of(run.id, run.provenance, run.account)
        figure = draw(self, around or Around())
        if path is not None:
            figure.savefig(path)
        return figure

    def to_json(self) -> dict[str, Any]:
        """Return all of it as plain JSON types."""
        return {
            "histogram": self.bins.name,
            "label": self.bins.label,
            "unit": self.bins.unit,
            "signal": self.signal,
            "background": self.background,
            "range": [float(self.bins.edges[0]), float(self.bins.edges[-1])],
            "entries": self.bins.entries,
            "weighted": self.bins.weighted,
            "parameters": [asdict(parameter) for parameter in self.parameters],
            "covariance": self.covariance.tolist(),
            "background_entries": asdict(self.background_entries),
            "chi2": self.chi2,
            "ndf": self.ndf,
            "p_value": self.p_value,
            "comparison": asdict(self.comparison) if self.comparison else None,
            "remarks": list(self.remarks),
            "bins": {
                "edges": self.bins.edges.tolist(),
                "contents": self.bins.values.tolist(),
                "expected": self.expected.tolist(),
                "background": self.expected_background.tolist(),
                "pulls": self.pulls.tolist(),
            },
        }

    def to_csv(self, *, simulated: bool = False) -> str:
        """Return the bins as CSV: ``low,high,content,fit,background,pull``; of simulated events each line says so."""
        mark = ["simulated"] if simulated else []
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["low", "high", "content", "fit", "background", "pull", *mark])
        columns = (self.bins.values, self.expected, self.expected_background, self.pulls)
        for low, high, *cells in zip(self.bins.edges[:-1], self.bins.edges[1:], *columns, strict=True):
            writer.writerow([f"{low:.10g}", f"{high:.10g}", *(f"{cell:.8g}" for cell in cells), *mark])
        return text.getvalue()

    def __str__(self) -> str:
        return "\n".join([*(f"{one.title}: {one}" for one in self.rows), self.summary(), *self.sentences])

    def __repr__(self) -> str:
        return f"<Fit of {self.summary()}>"

    def _repr_html_(self) -> str:
        cells = "".join(
            f"<tr><th>{html.escape(one.title)}</th><td>{html.escape(str(one))}</td></tr>" for one in self.rows
        )
        said = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in [self.summary(), *self.sentences])
        return f"<table>{cells}</table>{said}"
