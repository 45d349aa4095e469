"""ADL benchmark, query 4: the missing transverse momentum of events with two hard jets."""
