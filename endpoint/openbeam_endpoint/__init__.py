"""Compute that somebody lends: a trusted agent with a key of its own, and sandboxed engines that run functions."""
