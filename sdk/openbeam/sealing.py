"""Secrets sealed to one endpoint's key: a JWE (ECDH-ES, A256GCM) that nobody in between can open.

Sealing needs ``joserfc`` (``pip install 'openbeam[credentials]'``); nothing else of this package does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from openbeam.errors import InvalidInput
from openbeam.models import SealedSecret

__all__ = ["ALGORITHM", "CIPHER", "seal", "thumbprint"]

ALGORITHM: Final = "ECDH-ES"
CIPHER: Final = "A256GCM"


def _key(jwk: Mapping[str, str]) -> Any:
    try:
        from joserfc.errors import JoseError
        from joserfc.jwk import ECKey
    except ImportError:
        raise InvalidInput("Sealing a credential needs joserfc: pip install 'openbeam[credentials]'") from None
    try:
        return ECKey.import_key({part: jwk[part] for part in ("kty", "crv", "x", "y")})
    except (JoseError, KeyError, ValueError, TypeError) as error:
        raise InvalidInput("The endpoint's key is not a public key that one can seal to.") from error


def thumbprint(jwk: Mapping[str, str]) -> str:
    """Return the key's thumbprint (RFC 7638), by which people compare keys; raises InvalidInput."""
    return str(_key(jwk).thumbprint())


def seal(jwk: Mapping[str, str], secret: SealedSecret) -> str:
    """Return the secret, sealed to this key; raises InvalidInput when it is none."""
    key = _key(jwk)
    from joserfc import jwe

    header = {"alg": ALGORITHM, "enc": CIPHER, "kid": key.thumbprint()}
    return jwe.encrypt_compact(header, secret.model_dump_json().encode(), key, algorithms=[ALGORITHM, CIPHER])
