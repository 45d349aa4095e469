"""The OAuth2/OIDC issuer, on Authlib's framework-neutral authorization server."""
