"""Record 700 from another copy of its events: HDF5 with the four-vectors and charges of 100,000 pairs of muons."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import h5py
import numpy as np
import pyarrow as pa
from pyarrow.csv import write_csv

__all__ = ["dimuon_csv"]

_FILE: Final = "samples/cms-2010-dimuon-100k.hdf5"


def dimuon_csv(opendata: Path, folder: Path) -> Path:
    """Write the pairs with the columns of the record's own file, as far as the copy has them, and return the path.

    The copy has neither run and event numbers nor the kinds of muons, and 32-bit floats; ``pt``, ``eta`` and ``phi``
    follow from the momenta.
    """
    with h5py.File(opendata / _FILE) as file:
        parts = {name: file[f"muons/{name}"][:].reshape(-1, 2).astype(float) for name in ("e", "px", "py", "pz", "q")}
    pt = np.hypot(parts["px"], parts["py"])
    told = {"E": parts["e"], "px": parts["px"], "py": parts["py"], "pz": parts["pz"], "pt": pt}
    told |= {"eta": np.arcsinh(parts["pz"] / pt), "phi": np.arctan2(parts["py"], parts["px"]), "Q": parts["q"]}
    columns = {f"{name}{number + 1}": values[:, number] for number in (0, 1) for name, values in told.items()}
    path = folder / "MuRun2010B.csv"
    write_csv(pa.table(columns), path)
    return path
