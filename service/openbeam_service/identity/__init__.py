"""Who people and agents are: accounts, tokens, the OAuth2/OIDC issuer, and the pages where people sign in."""
