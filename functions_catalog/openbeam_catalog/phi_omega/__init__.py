"""The phi and the omega: the lightest particles that decay to two muons."""
