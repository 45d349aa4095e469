"""Forged access tokens: one thing is wrong with each, and none is let in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey
from oauth_walk import Native

pytestmark = pytest.mark.one_database


def _part(data: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()


@dataclass
class Forge:
    """Makes tokens from a real one, with the issuer's own key."""

    key: ECKey
    header: dict[str, Any]
    claims: dict[str, Any]

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **changes: Any) -> str:
        head = {name: value for name, value in {**self.header, **(header or {})}.items() if value is not None}
        claims = {name: value for name, value in {**self.claims, **changes}.items() if value is not None}
        return jwt.encode(head, claims, key or self.key, algorithms=[head["alg"]])


@pytest.fixture
def forge(service: Any, native: Native) -> Forge:
    key = ECKey.import_key(json.loads((service.home.keys / "issuer.jwk").read_text()))
    real = jwt.decode(native.tokens()["access_token"], key, algorithms=["ES256"])
    return Forge(key, dict(real.header), dict(real.claims))


def test_the_forge_itself_is_sound(service: Any, forge: Forge) -> None:
    assert service.whoami(forge.token()).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "portal"},
        {"aud": None},
        {"aud": "http://127.0.0.1/api/v1"},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"exp": "never"},
        {"iat": None},
        {"iat": 4_000_000_000},
        {"client_id": None},
        {"client_id": "nobody"},
        {"client_id": "portal"},
        {"sub": "nobody"},
        {"sub": None},
        {"sid": None},
        {"sid": "nothing"},
        {"sid": ["x"]},
        {"scope": ["catalog:read"]},
    ],
)
def test_a_token_with_one_wrong_claim_is_refused(service: Any, forge: Forge, change: dict[str, Any]) -> None:
    answer = service.whoami(forge.token(**change))
    assert answer.status_code == 401
    assert answer.json()["error"]["kind"] == "NotSignedIn"
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("typ", ["JWT", "jwt", "", "id+jwt", None])
def test_a_token_of_another_kind_is_refused(service: Any, forge: Forge, typ: str | None) -> None:
    assert service.whoami(forge.token(header={"typ": typ})).status_code == 401


def test_a_token_without_a_signature_is_refused(service: Any, forge: Forge) -> None:
    head, body, signature = forge.token().split(".")
    for alg in ("none", "None", "NONE", "nOnE"):
        none = _part({**forge.header, "alg": alg})
        for token in (f"{none}.{body}.", f"{none}.{body}.{signature}", f"{none}.{body}"):
            assert service.whoami(token).status_code == 401
    for token in (
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-8]}AAAAAAAA",
        f"{head}.{body}",
        "x",
        "..",
        f"{head}..",
    ):
        assert service.whoami(token).status_code == 401


def test_the_public_key_is_no_shared_secret(service: Any, forge: Forge) -> None:
    """Key confusion: sign with HMAC and what everybody knows, in every form that a library might take it."""
    public = service.anyone.get("/oauth/jwks").json()["keys"][0]
    pem = forge.key.as_pem(private=False)
    secrets = [pem, pem.strip(), forge.key.as_der(private=False), json.dumps(public).encode(), public["x"].encode()]
    head, body = _part({**forge.header, "alg": "HS256"}), _part(forge.claims)
    for secret in secrets:
        signature = hmac.digest(secret, f"{head}.{body}".encode(), hashlib.sha256)
        token = f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"
        assert service.whoami(token).status_code == 401


def test_a_key_that_comes_with_the_token_is_not_taken(service: Any, forge: Forge) -> None:
    mine = ECKey.generate_key("P-256", private=True)
    shown = mine.as_dict(private=False)
    for header in (
        {},
        {"jwk": shown},
        {"jku": "https://evil.example/jwks"},
        {"kid": "another"},
        {"kid": "../issuer.jwk"},
    ):
        assert service.whoami(forge.token(mine, header)).status_code == 401
    shared = OctKey.generate_key(256)
    assert service.whoami(forge.token(shared, {"alg": "HS256"})).status_code == 401


def test_a_token_of_another_person_s_grant_is_refused(service: Any, forge: Forge) -> None:
    """The issuer would never sign this: the grant is one person's, the subject another."""
    with service.client(Authorization=f"Bearer {service.user('somebody')}") as other:
        subject = other.get("/api/v1/whoami").json()["id"]
    assert service.whoami(forge.token(sub=subject)).status_code == 401


def test_a_token_lives_no_longer_than_it_says(service: Any, forge: Forge) -> None:
    moment = int(time.time())
    assert service.whoami(forge.token(exp=moment + 60)).status_code == 200
    expired = service.whoami(forge.token(exp=moment - 60))
    assert expired.status_code == 401
    assert "expired" in expired.json()["error"]["message"]
