"""The part of ``Client`` that is about credentials for places that outputs go to."""

from __future__ import annotations

from datetime import datetime

from openbeam import sealing
from openbeam.checks import checked
from openbeam.errors import Conflict, NotAllowed, UnknownCredential, UnknownEndpoint
from openbeam.models import Credential, CredentialKind, CredentialSpec, Endpoint, SealedSecret, User
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["CredentialCalls"]


class CredentialCalls:
    """Calls about credentials. A secret is sealed here, to the key of one endpoint; the service cannot open it."""

    _wire: Transport

    def credentials(self) -> list[Credential]:
        """Return the caller's credentials, by name: all but their secrets."""
        return self._wire.get(list[Credential], "/credentials")

    def add_credential(
        self,
        name: str,
        *,
        endpoint: str | Endpoint,
        destination: str,
        kind: CredentialKind | str,
        secret: str,
        expires: datetime | None = None,
        key_id: str | None = None,
    ) -> Credential:
        """Seal a secret to an endpoint and store it: tasks there can send their outputs below ``destination`` by it.

        One of the same name for that endpoint is replaced. ``key_id`` is the thumbprint of the endpoint's key as its
        owner told it to you; without it, the service is believed.

        Raises
        ------
        UnknownEndpoint
            With the nearest names.
        Conflict
            When the endpoint has told no key, or the caller has too many credentials.
        NotAllowed
            When its key is not the one with ``key_id``.
        InvalidInput
            When something is malformed, or ``joserfc`` is not installed.

        """
        ref = endpoint if isinstance(endpoint, str) else endpoint.id
        found = self._wire.get(Endpoint, f"/endpoints/{segment(ref, UnknownEndpoint)}")
        if found.sealing_key is None:
            raise Conflict(f"Endpoint {found.name!r} takes no credentials: its agent has told no key yet.")
        known = sealing.thumbprint(found.sealing_key)
        if key_id is not None and key_id != known:
            raise NotAllowed(
                f"The service says that the key of {found.name!r} is {known}, which is not the one that you expect. "
                "Nothing was sent. Ask the endpoint's owner.",
                key_id=known,
            )
        about = {"name": name, "destination": destination, "kind": kind, "expires": expires}
        user = self._wire.get(User, "/whoami")
        inside = checked(SealedSecret, user_id=user.id, endpoint_id=found.id, secret=secret, **about)
        sealed = sealing.seal(found.sealing_key, inside)
        spec = checked(CredentialSpec, endpoint=found.id, key_id=known, sealed=sealed, **about)
        return self._wire.post(Credential, "/credentials", spec.model_dump(mode="json"))

    def remove_credential(self, credential: str | Credential) -> None:
        """Remove a credential: no endpoint gets it any more.

        Raises
        ------
        UnknownCredential
            When the caller has none with this id.

        """
        credential_id = credential if isinstance(credential, str) else credential.id
        self._wire.delete(f"/credentials/{segment(credential_id, UnknownCredential)}")
