"""ADL benchmark, query 8: the transverse mass of what is left beside a pair of leptons near the Z."""
