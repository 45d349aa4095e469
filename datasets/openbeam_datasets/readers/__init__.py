"""Reading ROOT and CSV files: their facts, and their events as coffea knows them.

Importing this package imports coffea, which takes seconds: an engine does it once and forks. Nothing else of
``openbeam_datasets`` does.
"""

from openbeam_datasets.readers.events import open_events
from openbeam_datasets.readers.facts import inspect_file

__all__ = ["inspect_file", "open_events"]
