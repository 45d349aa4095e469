"""Runs: an analysis over a dataset, cut into chunks, gathered into histograms, shown while it happens."""
