"""ADL benchmark, query 2: the transverse momentum of all jets."""
