"""ADL benchmark, query 5: the missing transverse momentum of events with a pair of muons near the Z."""
