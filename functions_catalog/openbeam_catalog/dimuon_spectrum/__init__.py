"""The dimuon spectrum: every known particle that decays to two muons, in one figure."""
