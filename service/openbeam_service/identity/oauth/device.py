# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""Device grant (RFC 8628): a program without a browser shows a short code, and a person allows it elsewhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidGrantError, InvalidScopeError
from authlib.oauth2.rfc8628 import DeviceAuthorizationEndpoint, DeviceCodeGrant, DeviceCredentialMixin
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from openbeam_service.database.base import now
from openbeam_service.identity import grants as store
from openbeam_service.identity.models import DeviceCodeRow, UserRow
from openbeam_service.identity.oauth.adapter import Person
from openbeam_service.identity.secret import digest, make_secret

__all__ = ["DeviceEndpoint", "DeviceGrant", "decide", "pending"]

_SLOWER_BY: Final = 5
_REMEMBER: Final = timedelta(minutes=10)
"""How long it is still said of a code that it has expired."""


def _plain(user_code: str) -> str:
    """Return a code however it was typed: with small letters, spaces or without its dash."""
    return "".join(letter for letter in user_code.upper() if letter.isalnum())


def pending(db: Session, user_code: str) -> DeviceCodeRow | None:
    """Return the sign-in that waits under a code that somebody typed."""
    return db.scalar(
        select(DeviceCodeRow).where(
            DeviceCodeRow.user_code_hash == digest(_plain(user_code)),
            DeviceCodeRow.allowed.is_(None),
            DeviceCodeRow.expires > now(),
        )
    )


def decide(db: Session, row: DeviceCodeRow, user_id: str, auth_time: Any, *, allowed: bool) -> bool:
    """Store what a person decided; False when somebody has decided already."""
    waiting = (DeviceCodeRow.code_hash == row.code_hash, DeviceCodeRow.allowed.is_(None), DeviceCodeRow.expires > now())
    values = {"user_id": user_id, "allowed": allowed, "auth_time": auth_time}
    return (
        db.execute(update(DeviceCodeRow).where(*waiting).values(values).returning(DeviceCodeRow.code_hash)).first()
        is not None
    )


class _Credential(DeviceCredentialMixin):
    """What Authlib asks of a device code."""

    def __init__(self, row: DeviceCodeRow) -> None:
        self.row = row

    def get_client_id(self) -> str:
        return self.row.client_id

    def get_scope(self) -> str:
        return self.row.scope

    def get_user_code(self) -> str:
        return self.row.user_code_hash

    def is_expired(self) -> bool:
        return self.row.expires <= now()


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    """Begins such a sign-in."""

    CLIENT_AUTH_METHODS = ("none",)

    def create_endpoint_response(self, request: Any) -> Any:
        """Return the two codes, and where to type the short one."""
        self.EXPIRES_IN = self.server.settings.device_code_seconds
        self.INTERVAL = self.server.settings.device_poll_seconds
        return super().create_endpoint_response(request)

    def get_verification_uri(self) -> str:
        """Return the page where a person types the code."""
        return f"{self.server.settings.url}/device"

    def generate_device_code(self) -> str:
        """Return a secret that nobody guesses."""
        return make_secret()

    def save_device_credential(self, client_id: str, scope: str | None, data: dict[str, Any]) -> None:
        """Store the codes' digests; old ones go."""
        db: Session = self.server.db
        client = self.server.query_client(client_id)
        granted = client.get_allowed_scope(scope)
        if granted is None:
            raise InvalidScopeError
        db.execute(delete(DeviceCodeRow).where(DeviceCodeRow.expires < now() - _REMEMBER))
        db.add(
            DeviceCodeRow(
                code_hash=digest(data["device_code"]),
                user_code_hash=digest(_plain(data["user_code"])),
                client_id=client_id,
                scope=granted,
                address=self.server.address[:64],
                expires=now() + timedelta(seconds=data["expires_in"]),
                interval=data["interval"],
            )
        )


class DeviceGrant(DeviceCodeGrant):
    """Answers the program that asks again and again, and gives its tokens once."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none",)

    def query_device_credential(self, device_code: str) -> _Credential:
        """Return the sign-in of a code that has not been used."""
        row = self.server.db.get(DeviceCodeRow, digest(device_code))
        if row is None:
            store.revoke_source(self.server.db, device_code)
            raise InvalidGrantError("This device code is not known, or has been used.")
        return _Credential(row)

    def query_user_grant(self, user_code: str) -> tuple[Person, bool] | None:
        """Return who decided and what; None while nobody has."""
        db: Session = self.server.db
        row = db.scalar(select(DeviceCodeRow).where(DeviceCodeRow.user_code_hash == user_code))
        if row is None or row.allowed is None:
            return None
        user = db.get(UserRow, row.user_id)
        if user is None or not user.active:
            raise InvalidGrantError("This account is closed.")
        return Person(user), row.allowed

    def should_slow_down(self, credential: _Credential) -> bool:
        """Note the question; True when it came too early, and from then on the program must wait longer."""
        row, moment = credential.row, now()
        early = row.asked is not None and (moment - row.asked).total_seconds() < row.interval
        row.asked = moment
        row.interval += _SLOWER_BY if early else 0
        return early

    def generate_token(self, **about: Any) -> dict[str, Any]:
        """Take the code out of the table and make the tokens: two questions at once never both get them."""
        row = self.server.db.scalar(
            delete(DeviceCodeRow)
            .where(DeviceCodeRow.code_hash == self.request.credential.row.code_hash)
            .returning(DeviceCodeRow)
        )
        if row is None or row.auth_time is None:
            raise InvalidGrantError("This device code has been used.")
        device_code = self.request.payload.data["device_code"]
        client, user = self.request.client, about["user"]
        made = self.server.begin(client, user, scope=row.scope, source=device_code, auth_time=row.auth_time)
        return dict(super().generate_token(**{**about, "scope": made.scope}))
