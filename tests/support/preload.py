"""What the nursery imports once: all that our commands may need, those that run an engine left out."""

from __future__ import annotations

import gc
from importlib import import_module

from openbeam.loading import loading

with loading():
    for _name in (
        "uvicorn",
        "openbeam.cli",
        "openbeam.histograms",
        "openbeam_catalog.cli",
        "openbeam_datasets.cli",
        "openbeam_endpoint.cli",
        "openbeam_service.app",
        "openbeam_service.cli",
        "openbeam_service.provision",
    ):
        import_module(_name)
gc.collect()
gc.freeze()
