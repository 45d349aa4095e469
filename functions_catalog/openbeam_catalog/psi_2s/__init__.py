"""The psi(2S): the excited J/psi, and how much rarer it is."""
