"""Four leptons in ATLAS at 13 TeV: what each step of a selection leaves."""
