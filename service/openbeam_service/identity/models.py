"""Tables of identity: people, their tokens, OAuth clients, and the short-lived secrets of signing in.

No secret is stored: passwords as argon2id, all random secrets as SHA-256.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import Role
from sqlalchemy import Enum, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database.base import Base, new_id, now

__all__ = [
    "AssertionRow",
    "AuthorizationCodeRow",
    "DeviceCodeRow",
    "GrantRow",
    "IdentityRow",
    "OAuthClientRow",
    "PersonalTokenRow",
    "SetupLinkRow",
    "UserRow",
]


class UserRow(Base):
    """A person. Without a password they cannot use the sign-in page; their tokens work all the same."""

    __tablename__ = "users"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role] = mapped_column(Enum(Role, native_enum=False, length=16))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    display: Mapped[str | None] = mapped_column(String(64))
    """What to call them, where that is not the name: a pupil's nickname, a name that another provider told."""
    key_hash: Mapped[str | None] = mapped_column(String(64), unique=True, index=True)
    """Of the key that a pupil comes back with."""
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime] = mapped_column(default=now)

    @property
    def called(self) -> str:
        """What to call them."""
        return self.display or self.name


class IdentityRow(Base):
    """A person at another provider who is a person here. Never found by an e-mail address, which may change hands."""

    __tablename__ = "identities"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    issuer: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(255))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    created: Mapped[datetime] = mapped_column(default=now)

    user: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)


class PersonalTokenRow(Base):
    """A token ``obp_<id>_<secret>`` that somebody uses from a program."""

    __tablename__ = "personal_tokens"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64), default="", server_default="")
    """What its owner calls it."""
    secret_hash: Mapped[str] = mapped_column(String(64))
    scopes: Mapped[list[str]]
    expires: Mapped[datetime]
    created: Mapped[datetime] = mapped_column(default=now)
    last_used: Mapped[datetime | None]

    user: Mapped[UserRow] = relationship()


class OAuthClientRow(Base):
    """A program that may ask for tokens: the portal (with a secret), people's own (none), an agent (with a key)."""

    __tablename__ = "oauth_clients"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    name: Mapped[str] = mapped_column(String(64))
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    """Whose agent this is; None for a program that people sign in to."""
    auth_method: Mapped[str] = mapped_column(String(32))
    """How it proves itself, and with that which grants it may use."""
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    key: Mapped[dict[str, Any] | None]
    """Public JWK of an agent."""
    redirect_uris: Mapped[list[str]] = mapped_column(default=list)
    scopes: Mapped[list[str]]
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[datetime] = mapped_column(default=now)

    owner: Mapped[UserRow | None] = relationship()


class AuthorizationCodeRow(Base):
    """An authorization code on its way through a browser. Used once, within a minute."""

    __tablename__ = "authorization_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    redirect_uri: Mapped[str] = mapped_column(String(1000))
    scope: Mapped[str] = mapped_column(String(1000))
    nonce: Mapped[str | None] = mapped_column(String(300))
    challenge: Mapped[str] = mapped_column(String(128))
    auth_time: Mapped[datetime]
    expires: Mapped[datetime] = mapped_column(index=True)


class DeviceCodeRow(Base):
    """A sign-in that a program without a browser has begun, and that a person allows or denies elsewhere."""

    __tablename__ = "device_codes"

    code_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(1000))
    address: Mapped[str] = mapped_column(String(64))
    """Where it was begun; the person who is asked sees it."""
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime] = mapped_column(index=True)
    interval: Mapped[int]
    """Seconds that the program must wait between two questions."""
    asked: Mapped[datetime | None]
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    """Who decided; None while nobody has."""
    allowed: Mapped[bool | None]
    auth_time: Mapped[datetime | None]


class GrantRow(Base):
    """What a person allowed a program: the family of all tokens that come from one sign-in. Revoked, it is gone.

    Its id is the ``sid`` of its access tokens. A refresh token is ``obr_<handle>_<secret>``: the handle stays, the
    secret changes at each use, and a handle that comes with another secret has been used before, or copied.
    """

    __tablename__ = "grants"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    client_id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"))
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    scope: Mapped[str] = mapped_column(String(1000))
    source_hash: Mapped[str] = mapped_column(String(64), index=True)
    """The code that it came from, so that a second use of that takes it away."""
    handle: Mapped[str | None] = mapped_column(String(32), unique=True)
    """None when there is no refresh token."""
    secret_hash: Mapped[str | None] = mapped_column(String(64))
    auth_time: Mapped[datetime]
    created: Mapped[datetime] = mapped_column(default=now)
    expires: Mapped[datetime] = mapped_column(index=True)

    user: Mapped[UserRow] = relationship()


class SetupLinkRow(Base):
    """The one-time link by which the first administrator chooses a password. There is at most one."""

    __tablename__ = "setup_links"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    secret_hash: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column(default=now)


class AssertionRow(Base):
    """A signed assertion that an agent has used already; kept until it would have expired anyway."""

    __tablename__ = "assertions"

    hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of client id and ``jti``."""
    expires: Mapped[datetime] = mapped_column(index=True)
