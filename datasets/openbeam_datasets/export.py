"""``python -m openbeam_datasets.export``: write the records as JSON, for ``openbeam-service catalog sync``."""

from __future__ import annotations

import sys

from openbeam.models import Catalog

from openbeam_datasets.record import load_records

__all__: list[str] = []

if __name__ == "__main__":
    sys.stdout.write(Catalog(datasets=list(load_records().values())).model_dump_json())
