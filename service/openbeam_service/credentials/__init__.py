"""Sealed credentials for places that outputs go to: the service and its database never see what is in them."""
