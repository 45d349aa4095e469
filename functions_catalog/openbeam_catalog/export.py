"""``python -m openbeam_catalog.export``: write the catalog as JSON, for ``openbeam-service catalog sync``."""

from __future__ import annotations

import sys

from openbeam.models import Catalog

from openbeam_catalog.catalog import load_catalog

__all__: list[str] = []

if __name__ == "__main__":
    sys.stdout.write(Catalog(functions=load_catalog()).model_dump_json())
