"""Files that a task wrote: what they are called, where they went, and by what right they may go to a user's own place.

A credential is sealed by its user's own program to the key of one endpoint: the service keeps what it cannot read.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Checksum, Model, Name

__all__ = [
    "MAX_OUTPUT_FILES",
    "MAX_SEALED",
    "MAX_SECRET",
    "Credential",
    "CredentialKind",
    "CredentialSpec",
    "Destination",
    "OutputFile",
    "OutputGrant",
    "OutputName",
    "OutputRequest",
    "PublicKey",
    "SealedSecret",
    "SealingKey",
]

MAX_OUTPUT_FILES: Final = 100
"""Files that one task may hand over."""
MAX_SECRET: Final = 24 * 1024
"""Letters of a token, a keytab, or a proxy with its chain."""
MAX_SEALED: Final = 64 * 1024

OutputName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,99}$")]
"""Of one file: no folders, nothing hidden, nothing that a shell or a URL reads in its own way."""
Destination = Annotated[
    str,
    StringConstraints(
        max_length=500, pattern=r"^roots?://[A-Za-z0-9.-]+(:[0-9]{1,5})?/(/(\.?[A-Za-z0-9_+=@-][A-Za-z0-9_.+=@-]*))+$"
    ),
]
"""A folder on an XRootD server, ``root://server//path``."""
PublicKey = Annotated[dict[Annotated[str, StringConstraints(max_length=20)], str], Field(max_length=10)]
_Id = Annotated[str, StringConstraints(max_length=64)]


class OutputFile(Model):
    """A file that a task wrote, where it was brought. Sums and size are of what arrived there."""

    name: OutputName
    uri: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[!-~]+$")]
    size: Annotated[int, Field(ge=0)]
    checksum: Checksum
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class CredentialKind(StrEnum):
    """What a secret is to an XRootD server."""

    token = "token"  # noqa: S105 - its kind
    """A bearer token: a SciToken, a WLCG token."""
    x509 = "x509"
    """An X.509 proxy with its key and chain, as PEM."""
    sss = "sss"
    """A line of a simple-shared-secret keytab."""


class SealedSecret(Model):
    """What is in the seal. The endpoint believes nothing that is said outside of it."""

    user_id: _Id
    endpoint_id: _Id
    name: Name
    destination: Destination
    kind: CredentialKind
    secret: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SECRET)]
    expires: datetime | None = None


class SealingKey(Model):
    """The public key (JWK: EC, P-256) to which secrets for an endpoint are sealed; the agent keeps the other half."""

    key: PublicKey


class CredentialSpec(Model):
    """A credential that its user stores: what may be known of it, and the seal (a JWE) with the rest."""

    endpoint: Annotated[str, StringConstraints(max_length=120)]
    """Id or name."""
    name: Name
    """What tasks call it by."""
    destination: Destination
    kind: CredentialKind
    key_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{43}$")]
    """Thumbprint (RFC 7638) of the key that it is sealed to."""
    sealed: Annotated[str, StringConstraints(max_length=MAX_SEALED, pattern=r"^[A-Za-z0-9_-]*(\.[A-Za-z0-9_-]*){4}$")]
    expires: datetime | None = None


class Credential(Model):
    """A credential as its user sees it: all but the secret."""

    id: str
    endpoint: str
    """Name of the one endpoint that can open it."""
    name: str
    destination: str
    kind: CredentialKind
    created: datetime
    expires: datetime | None
    good: bool
    """False when it has expired, or the endpoint has another key than the one it was sealed to."""


class OutputRequest(Model):
    """An agent has outputs of a task that it holds, and asks where they may go."""

    task_id: _Id
    lease_id: _Id


class OutputGrant(Model):
    """Whose outputs they are, and the credential that the task names, as it was sealed."""

    user: str
    user_id: str
    sealed: Annotated[str, StringConstraints(max_length=MAX_SEALED)] | None = None
