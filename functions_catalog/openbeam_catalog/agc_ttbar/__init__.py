"""Top quark pairs with the selection of the Analysis Grand Challenge: HT, and the mass of three jets."""
