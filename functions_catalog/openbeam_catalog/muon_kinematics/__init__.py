"""Muon kinematics: how many muons there are, how fast they are and where they fly."""
