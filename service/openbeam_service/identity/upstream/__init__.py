"""Sign-in by other providers: any that speaks OpenID Connect, and those that speak OAuth 2 alone."""
