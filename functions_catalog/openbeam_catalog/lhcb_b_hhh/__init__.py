"""B to three hadrons in LHCb: the mass of the B, and how its energy is shared (a Dalitz plot)."""
