"""Managed hosting: machines that lend themselves to administrators, and the endpoints that run on them."""
