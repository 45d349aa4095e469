"""The W to a lepton and a neutrino that nobody sees: a mass from one half of a decay."""
