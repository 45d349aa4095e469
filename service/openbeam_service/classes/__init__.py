"""Classes: groups with a join code, their members, and what is shared with them."""
