"""The J/psi to two muons: a sharp peak, and how sharp depends on where the muons fly."""
