"""Users' credentials: opened for one transfer of one of their tasks, and believed in nothing but what is sealed in."""

from __future__ import annotations

from datetime import UTC, datetime

from joserfc import jwe
from joserfc.jwk import ECKey
from openbeam.errors import OutputNotStored
from openbeam.models import SealedSecret
from openbeam.sealing import ALGORITHM, CIPHER

__all__ = ["opened"]


def opened(key: ECKey, sealed: str, *, endpoint_id: str, user_id: str, name: str) -> SealedSecret:
    """Return what is in a seal that this user has made for this endpoint under this name.

    Raises
    ------
    OutputNotStored
        When it is somebody else's, for somewhere else, expired, or cannot be opened. Nothing of it is said.

    """
    try:
        content = jwe.decrypt_compact(sealed, key, algorithms=[ALGORITHM, CIPHER]).plaintext
        secret = SealedSecret.model_validate_json(content or b"")
    except Exception:  # noqa: BLE001 - of what is no seal, joserfc says so with whatever comes
        raise OutputNotStored(
            f"This endpoint cannot open the credential {name!r}: it was sealed to another key. Add it again."
        ) from None
    if (secret.endpoint_id, secret.user_id, secret.name) != (endpoint_id, user_id, name):
        raise OutputNotStored(f"The credential {name!r} is not one of this task's user for this endpoint.")
    if secret.expires is not None and secret.expires.astimezone(UTC) <= datetime.now(UTC):
        raise OutputNotStored(f"The credential {name!r} has expired. Add it again.")
    return secret
