"""Two photons in ATLAS: a small peak of the Higgs boson on a large background."""
