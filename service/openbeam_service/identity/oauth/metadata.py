"""What the issuer says of itself: OpenID Connect discovery."""

from __future__ import annotations

from typing import Any

from openbeam_service.identity.keys import ALGORITHM
from openbeam_service.identity.oauth.device import DeviceGrant
from openbeam_service.identity.oauth.grants import AgentGrant, CodeGrant
from openbeam_service.identity.oauth.refresh import RefreshGrant
from openbeam_service.identity.scopes import AGENT_SCOPE, HOST_SCOPE, NATIVE_SCOPES

__all__ = ["metadata"]


def metadata(issuer: str) -> dict[str, Any]:
    """Return the discovery document."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth/authorize",
        "token_endpoint": f"{issuer}/oauth/token",
        "userinfo_endpoint": f"{issuer}/oauth/userinfo",
        "jwks_uri": f"{issuer}/oauth/jwks",
        "device_authorization_endpoint": f"{issuer}/oauth/device_authorization",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "end_session_endpoint": f"{issuer}/logout",
        "scopes_supported": [*NATIVE_SCOPES, AGENT_SCOPE, HOST_SCOPE],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [grant.GRANT_TYPE for grant in (CodeGrant, RefreshGrant, DeviceGrant, AgentGrant)],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "none", "private_key_jwt"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "none"],
        "token_endpoint_auth_signing_alg_values_supported": [ALGORITHM],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": [
            "iss",
            "sub",
            "sid",
            "aud",
            "exp",
            "iat",
            "auth_time",
            "name",
            "preferred_username",
            "role",
        ],
        "prompt_values_supported": ["none", "login", "consent", "select_account"],
        "authorization_response_iss_parameter_supported": True,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
    }
