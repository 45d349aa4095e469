"""Positive and negative W: what they tell of the quarks in a proton."""
