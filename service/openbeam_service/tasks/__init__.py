"""Tasks: from a person's request through an endpoint's queue to a result. ``queue`` is the only door to RQ."""
