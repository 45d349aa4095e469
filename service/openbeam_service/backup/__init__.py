"""Save an installation in one file, and make it again from that file, on the same kind of database or another."""
