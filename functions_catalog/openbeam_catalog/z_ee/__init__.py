"""The Z to two electrons, in the barrel of the detector and in its endcaps."""
