"""A portal like CERN Open Data's on loopback: records, search by DOI, and answers that no portal gives."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

__all__ = ["EOS", "Answer", "OpenDataPortal", "listed", "running_portal"]

EOS: Final = "root://eospublic.cern.ch/"

Answer = Callable[[BaseHTTPRequestHandler], None]


def listed(name: str, size: int = 1_000, *, folder: str = "/eos/opendata/lab", **more: Any) -> dict[str, Any]:
    """Return a file as records list them."""
    return {"uri": f"{EOS}{folder}/{name}", "size": size, "checksum": f"adler32:{hash_of(name):08x}", **more}


def hash_of(name: str) -> int:
    """Return some number below 2**32 that is another for another name."""
    return int.from_bytes(name.encode().rjust(4)[-4:], "big") ^ len(name)


@dataclass
class OpenDataPortal:
    """What the portal has: records by number, other answers by path."""

    url: str = ""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def add(self, recid: str, **fields: Any) -> str:
        """Add a record, and return its number."""
        self.records[recid] = {"recid": recid, "title": f"Record {recid}", "type": {"primary": "Dataset"}, **fields}
        return recid

    def add_official(self, folder: Path) -> None:
        """Add the records in a folder, one JSON file each."""
        for path in folder.glob("*.json"):
            self.records[path.stem] = json.loads(path.read_bytes())

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request as CERN's portal does."""
        parts = urlsplit(handler.path)
        self.asked.append(unquote(handler.path))
        if special := self.answers.get(parts.path):
            special(handler)
        elif parts.path == "/api/records":
            reply(self._found(parse_qs(parts.query)["q"][0]))(handler)
        else:
            recid = parts.path.removeprefix("/api/records/")
            known = self.records.get(recid)
            (reply({"id": recid, "metadata": known}) if known else reply({"status": 404}, 404))(handler)

    def _found(self, query: str) -> Any:
        doi = query.removeprefix('doi:"').removesuffix('"')
        hits = [{"id": recid, "metadata": one} for recid, one in self.records.items() if one.get("doi") == doi]
        return {"hits": {"total": len(hits), "hits": hits[:1]}}


def reply(body: Any, status: int = 200, **headers: str) -> Answer:
    """Return what answers with this body."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content)

    return answer


@contextmanager
def running_portal() -> Iterator[OpenDataPortal]:
    """Give a portal that answers until the block is left."""
    portal = OpenDataPortal()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            # A client that has seen enough hangs up.
            with suppress(ConnectionError):
                super().handle()

        def finish(self) -> None:
            with suppress(ConnectionError):
                super().finish()

        def do_GET(self) -> None:
            portal.answer(self)

        def log_message(self, *args: Any) -> None:
            """Keep the test's output quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        portal.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield portal
        finally:
            server.shutdown()
            thread.join()
