"""The Higgs boson in two tau leptons: a muon, a narrow jet, and much that cannot be seen."""
