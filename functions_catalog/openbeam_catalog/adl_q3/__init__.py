"""ADL benchmark, query 3: the transverse momentum of central jets."""
