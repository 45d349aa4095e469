"""Muon pairs of opposite and of the same charges: a background measured with data."""
