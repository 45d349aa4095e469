"""How much people, and classes as a whole, may have at once and use a day."""
