"""ADL benchmark, query 1: the missing transverse momentum of all events."""
