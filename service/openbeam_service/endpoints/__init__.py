"""Compute that people lend: its registration, its agent's key, and who sees it."""
