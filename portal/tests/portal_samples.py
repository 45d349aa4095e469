"""What the stand-in for a service has: an analysis, its data, and histograms of its runs."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime
from typing import Any

from openbeam.models import DataFile, Dataset, Function, FunctionKind, Layout, Lesson

MADE = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
SOURCE = '''"""The mass of two muons."""


def analyze(events, params):
    mass = events.M
    return {"mass": mass / params.nothing}
'''
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "min_pt": {
            "type": "number",
            "title": "Lowest muon momentum",
            "minimum": 0,
            "maximum": 50,
            "default": 0,
            "x-unit": "GeV",
            "x-step": 0.5,
        },
        "bins": {"type": "integer", "title": "Bins", "minimum": 10, "maximum": 200, "default": 60},
        "charge": {"enum": ["opposite", "same", "both"], "title": "Charges", "default": "opposite", "type": "string"},
    },
}
LESSON = """# A title of its own

Add the four-momenta of two muons: $m^2 = E^2 - p^2$.

![a tracker](http://elsewhere.example/pixel.png)

<details>
<summary>Why is there a peak?</summary>

Because the Z boson lived.
</details>

After the answer.
"""


def function(name: str, **more: Any) -> Function:
    """Return a published analysis."""
    known: dict[str, Any] = {
        "id": str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        "name": name,
        "version": 3,
        "kind": FunctionKind.analysis,
        "title": "Z to two muons",
        "description": "Find the Z boson in pairs of muons. Then more words.",
        "tags": ["z-boson", "first-lesson"],
        "datasets": ["cms-2010-zmumu"],
        "owner": "operator",
        "visibility": "public",
        "sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
        "created": MADE,
        "source": SOURCE,
        "entrypoint": "analyze",
        "parameters": SCHEMA,
        "lessons": [Lesson(title="The mass of something that is gone", markdown=LESSON)],
        "timeout": 60.0,
    }
    return Function(**{**known, **more})


def dataset(name: str, **more: Any) -> Dataset:
    """Return a published dataset."""
    known: dict[str, Any] = {
        "name": name,
        "title": "Events with two muons near the Z",
        "description": "Chosen for lessons.",
        "experiment": "CMS",
        "recid": "307",
        "doi": "10.7483/OPENDATA.CMS.WMKQ.0WTA",
        "license": "CC0-1.0",
        "collision": "pp, 7 TeV",
        "year": 2010,
        "columns": {"M": "invariant mass [GeV]"},
        "notes": ["Muons are ordered by momentum."],
        "tree": "events",
        "layout": Layout.flat,
        "events": 2304,
        "files": [DataFile(uri="root://eospublic.cern.ch//eos/x.root", size=178_971, checksum="adler32:0123abcd")],
        "owner": "operator",
        "created": MADE,
    }
    return Dataset(**{**known, **more})


def spectrum(events: int, bins: int = 60) -> dict[str, Any]:
    """Return a peak at 91 on a low ground, with about so many events, as UHI JSON; no randomness in it."""
    shape = [1 + 60 / (1 + ((60 + (i + 0.5) * 60 / bins - 91) / 2) ** 2) for i in range(bins)]
    values = [round(events * part / sum(shape)) for part in shape]
    axis = {"type": "regular", "lower": 60, "upper": 120, "bins": bins, "underflow": True, "overflow": True}
    metadata = {"name": "mass", "label": "Dimuon mass [GeV]", "marks": "91.19 = Z"}
    return {
        "uhi_schema": 1,
        "axes": [{**axis, "circular": False, "metadata": metadata}],
        "storage": {"type": "double", "values": [3.0, *map(float, values), 4.0]},
        "metadata": {"name": "mass", "label": "Events / GeV"},
    }


def cutflow(events: int) -> dict[str, Any]:
    """Return counts by name, as UHI JSON."""
    names = ["all", "two muons", "opposite charge"]
    axis = {
        "type": "category_str",
        "categories": names,
        "flow": True,
        "metadata": {"name": "cut", "label": "Selection"},
    }
    values = [float(events), events // 2 * 1.0, events // 3 * 1.0, 0.0]
    return {
        "uhi_schema": 1,
        "axes": [axis],
        "storage": {"type": "double", "values": values},
        "metadata": {"label": "Events"},
    }
