"""The service's half of the agent's protocol, small, on loopback: what only its answers show."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from joserfc import jwt
from joserfc.jwk import ECKey
from openbeam.errors import NotSignedIn, to_json
from openbeam.models import (
    LeaseReply,
    LeaseRequest,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    StopsRequest,
)


class Service:
    """The service's half: what a test wants it to answer, and what it was asked."""

    def __init__(self) -> None:
        self.key: ECKey | None = None
        self.good_tokens: set[str] = set()
        self.asked_for_token = 0
        self.results: list[ResultsRequest] = []
        self.replies: dict[str, Callable[[Any], tuple[int, Any]]] = {
            "lease": lambda _: (200, LeaseReply(tasks=[], lease_seconds=6)),
            "renew": lambda _: (200, RenewReply(stop=[])),
            "results": self.count,
        }
        self.port = 0
        self.ahead = 0.0
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def count(self, request: ResultsRequest) -> tuple[int, Any]:
        self.results.append(request)
        return 200, ResultsReply(accepted=[outcome.task_id for outcome in request.outcomes], fenced=[])

    def answer(self, path: str, headers: Any, body: bytes) -> tuple[int, Any]:
        if path == "/.well-known/openid-configuration":
            return 200, {"issuer": self.url, "token_endpoint": f"{self.url}/oauth/token"}
        if path == "/oauth/token":
            return self.token(body)
        if headers["Authorization"].removeprefix("Bearer ") not in self.good_tokens:
            return 401, {"error": to_json(NotSignedIn("Sign in again."))}
        name = path.removeprefix("/api/v1/agent/")
        shape = {"lease": LeaseRequest, "renew": RenewRequest, "results": ResultsRequest, "stops": StopsRequest}[name]
        return self.replies[name](shape.model_validate_json(body))

    def token(self, body: bytes) -> tuple[int, Any]:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] == "endpoint:agent"
        assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        if self.key is None:
            return 401, {"error": "invalid_client"}
        claims = jwt.decode(form["client_assertion"], self.key, algorithms=["ES256"]).claims
        assert claims["iss"] == claims["sub"] == "endpoint-id"
        assert claims["aud"] == f"{self.url}/oauth/token"
        moment = time.time() + self.ahead
        assert moment < claims["exp"] < moment + 120
        assert len(claims["jti"]) >= 16
        self.asked_for_token += 1
        token = f"token-{self.asked_for_token}"
        self.good_tokens.add(token)
        return 200, {"access_token": token, "token_type": "Bearer", "expires_in": 600}

    def start(self) -> None:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.reply(b"")

            def do_POST(self) -> None:
                self.reply(self.rfile.read(int(self.headers["Content-Length"])))

            def reply(self, body: bytes) -> None:
                status, answer = service.answer(self.path, self.headers, body)
                text = answer.model_dump_json() if hasattr(answer, "model_dump_json") else json.dumps(answer)
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def date_time_string(self, timestamp: float | None = None) -> str:
                del timestamp
                return super().date_time_string(time.time() + service.ahead)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
