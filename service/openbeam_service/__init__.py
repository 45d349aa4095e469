"""Openbeam's service: REST API, OAuth2/OIDC issuer, registry, queues, and the planner and gatherer of runs."""
