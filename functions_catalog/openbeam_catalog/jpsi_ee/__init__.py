"""The J/psi to two electrons: the same particle, a wider peak."""
