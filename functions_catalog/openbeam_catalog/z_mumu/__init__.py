"""Z to two muons: a first look at a short-lived particle through what it leaves behind."""
