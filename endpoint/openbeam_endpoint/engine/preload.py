"""Everything a task may need, imported and used once, so that a forked child finds it ready.

Importing this module takes seconds and happens once an engine, before anything is forked.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from openbeam.models import ChunkBody, InspectBody, Layout, file_name

from openbeam_endpoint.engine.execute import execute
from openbeam_endpoint.parcel import pack

__all__ = ["warm"]

_ANALYSIS = """
import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

class Params(BaseModel):
    bins: int = Field(default=10, ge=1)

def flat(events, params):
    axis = hist.axis.Regular(params.bins, 0, 10, name="x", label="x [GeV]")
    return {"x": hist.Hist(axis, storage=hist.storage.Double()).fill(np.sqrt(ak.to_numpy(events.x) ** 2))}

def nanoaod(events, params):
    muons = events.Muon[ak.num(events.Muon) == 2]
    axis = hist.axis.Regular(params.bins, 0.25, 300, name="mass", transform=hist.axis.transform.log)
    return {"mass": hist.Hist(axis).fill((muons[:, 0] + muons[:, 1]).mass)}
"""


def warm(scratch: Path) -> None:
    """Read a tiny file and fill histograms of it, in both layouts, so that nothing is done for the first time later."""
    with tempfile.TemporaryDirectory(dir=scratch) as name:
        folder = Path(name)
        size, checksum = 0, "adler32:00000000"
        _write(folder / file_name(checksum, size))
        about = {"file": checksum, "size": size, "tree": "Events"}
        execute(pack(b"", InspectBody(**about).model_dump_json().encode()), folder)
        for layout, entrypoint in ((Layout.flat, "flat"), (Layout.nanoaod, "nanoaod")):
            chunk = ChunkBody(name="warm", entrypoint=entrypoint, params={}, layout=layout, start=0, stop=4, **about)
            json.loads(execute(pack(_ANALYSIS.encode(), chunk.model_dump_json().encode()), folder))


def _write(path: Path) -> None:
    counts = np.array([2, 0, 2, 1])
    kinds = {"pt": np.float32, "eta": np.float32, "phi": np.float32, "mass": np.float32, "charge": np.int32}
    muons = ak.zip({key: ak.unflatten(np.ones(counts.sum(), kind), counts) for key, kind in kinds.items()})
    columns = {"x": np.arange(counts.size, dtype=np.float64), "Muon": muons}
    with uproot.recreate(path) as file:
        file.mktree("Events", {name: ak.type(column).content for name, column in columns.items()}).extend(columns)
