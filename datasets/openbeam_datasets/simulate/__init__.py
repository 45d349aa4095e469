"""Simulated events in the layout of a real record, for classrooms without a network and for benchmarks.

They are drawn from a few tables, not from a theory and a detector: they teach and they measure programs, nothing else.
"""

from openbeam_datasets.simulate.write import simulate

__all__ = ["simulate"]
