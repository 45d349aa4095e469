"""The pages, each with ``render``."""
