"""A provider of sign-in that says what a test wants it to say: for answers that no honest provider gives."""

from __future__ import annotations

import base64
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry

CLIENT = "openbeam"
SECRET = "a secret of two programs, long enough"
EVERY = JWSRegistry(algorithms=["none", "HS256", "RS256"])


def _coded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


@dataclass
class Rogue:
    """What it says; ``honest()`` says nothing wrong."""

    issuer: str = ""
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, parameters={"kid": "one"}))
    nonce: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    """Over those of an honest ID token; None takes one away."""
    header: dict[str, Any] = field(default_factory=dict)
    signer: RSAKey | OctKey | None = None
    shared: bytes = b""
    """Signs with HMAC, by hand: no library takes a public key for a secret."""
    metadata: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    broken: frozenset[str] = frozenset()
    """Paths that answer 500."""
    without_id_token: bool = False

    def honest(self) -> None:
        """Say nothing wrong from now on."""
        self.claims, self.header, self.signer, self.metadata, self.userinfo = {}, {}, None, {}, {}
        self.shared = b""
        self.broken, self.without_id_token = frozenset(), False

    def id_token(self) -> str:
        now = int(time.time())
        right = {"iss": self.issuer, "aud": CLIENT, "sub": "s-1", "iat": now, "exp": now + 60, "nonce": self.nonce}
        claims = {name: value for name, value in (right | self.claims).items() if value is not None}
        header = {"alg": "RS256", "kid": "one"} | self.header
        if self.shared:
            signed = ".".join(_coded(json.dumps(part).encode()) for part in (header, claims))
            return f"{signed}.{_coded(hmac.digest(self.shared, signed.encode(), 'sha256'))}"
        return jwt.encode(header, claims, self.signer or self.key, registry=EVERY)

    def answer(self, path: str) -> dict[str, Any]:
        """Return what a path answers."""
        if path == "/.well-known/openid-configuration":
            doors = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "jwks"}
            doors["userinfo_endpoint"] = "userinfo"
            urls = {door: f"{self.issuer}/{name}" for door, name in doors.items()}
            offered = ["none", "HS256", "RS256"]
            return {"issuer": self.issuer, "id_token_signing_alg_values_supported": offered} | urls | self.metadata
        if path == "/jwks":
            return {"keys": [self.key.as_dict(private=False)]}
        if path == "/token":
            token = {"access_token": "at", "token_type": "Bearer", "expires_in": 60}
            return token if self.without_id_token else token | {"id_token": self.id_token()}
        return {"sub": "s-1", "preferred_username": "rogue", "name": "Rogue"} | self.userinfo


def _handler_of(rogue: Rogue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            path = self.path.partition("?")[0]
            content = json.dumps(rogue.answer(path)).encode()
            self.send_response(500 if path in rogue.broken else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET  # noqa: N815 - the name that http.server calls

        def log_message(self, *args: Any) -> None:
            """Keep the test's output quiet."""

    return Handler


@contextmanager
def running_rogue() -> Iterator[Rogue]:
    """Start it on loopback; stop it afterwards."""
    rogue = Rogue()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(rogue)) as server:
        server.daemon_threads = True
        rogue.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield rogue
        finally:
            server.shutdown()
            thread.join()
