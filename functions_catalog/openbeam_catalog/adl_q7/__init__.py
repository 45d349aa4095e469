"""ADL benchmark, query 7: the summed transverse momentum of jets that are not near a lepton."""
