"""A scripted HTTP server on loopback, for what only a wire shows: broken streams, foreign answers, retries."""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openbeam import Client

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))


@dataclass
class Seen:
    """One request, as the server got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class Wire:
    """Answers by method and path; several for one path are given in turn, the last one for ever."""

    url: str
    answers: dict[str, list[Answer]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)

    def on(self, request: str, *answers: Answer) -> None:
        self.answers[request] = list(answers)

    @staticmethod
    def reply(body: Any, status: int = 200, content_type: str = "application/json", **headers: str) -> Answer:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in {"Content-Type": content_type, "Content-Length": str(len(content)), **headers}.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(content)

        return answer

    @staticmethod
    def stream(content: bytes) -> Answer:
        """Send server-sent events and break the connection off."""

        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
            handler.send_header("Content-Length", str(len(content) + 1))
            handler.end_headers()
            handler.wfile.write(content)
            handler.close_connection = True

        return answer

    @staticmethod
    def hang_up(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True


def _handler_for(wire: Wire) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            wire.seen.append(Seen(self.command, self.path, dict(self.headers), self.rfile.read(length)))
            answers = wire.answers[f"{self.command} {self.path.partition('?')[0].removeprefix('/api/v1')}"]
            (answers.pop(0) if len(answers) > 1 else answers[0])(self)

        # The names that http.server calls.
        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

        def log_message(self, *args: Any) -> None:
            """Keep the test's output quiet."""

    return Handler


@pytest.fixture
def wire() -> Iterator[Wire]:
    wire = Wire("")
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(wire)) as server:
        server.daemon_threads = True
        wire.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield wire
        server.shutdown()
        thread.join()


@pytest.fixture
def beam(wire: Wire) -> Iterator[Client]:
    with Client(wire.url, token="obp_1_secret", timeout=5) as client:
        yield client


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Return a URL where nobody listens: the port is bound, so that nobody else takes it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"
