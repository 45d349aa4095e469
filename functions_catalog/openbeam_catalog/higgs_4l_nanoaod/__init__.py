"""The Higgs boson in four leptons, out of all the collisions: how its candidates are selected."""
