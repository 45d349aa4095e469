"""A real web server with one file, and the faults that web servers have."""

from __future__ import annotations

import os
import re
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from openbeam.models import DataFile

EOS = "root://eospublic.cern.ch//eos/opendata/lab/file.root"
PATH = "/eos/opendata/lab/file.root"
KEY = "ab" * 32


def data_file(content: bytes, uri: str = EOS, size: int | None = None) -> DataFile:
    return DataFile(
        uri=uri, size=len(content) if size is None else size, checksum=f"adler32:{zlib.adler32(content):08x}"
    )


@dataclass
class Site:
    """A web server with one file. Each request takes the next fault from the list; then it behaves."""

    content: bytes
    path: str = PATH
    url: str = ""
    faults: list[str] = field(default_factory=list)
    requests: list[dict[str, str]] = field(default_factory=list)
    ranges: bool = True
    slow: threading.Event | None = None
    closing: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def handle(self) -> None:
        # A client that has seen enough hangs up.
        with suppress(ConnectionError):
            super().handle()

    def do_GET(self) -> None:
        site = self.site
        site.requests.append({name.lower(): value for name, value in self.headers.items()})
        fault = site.faults.pop(0) if site.faults else ""
        if fault.isdecimal():
            self.send_response(int(fault))
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path != site.path:
            self.send_error(404)
        else:
            self.send_file(fault)

    def send_file(self, fault: str) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.site.ranges else 0
        body = self.site.content[start:]
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.site.content) - 1}/{len(self.site.content)}")
        if fault == "unannounced":
            self.send_header("Connection", "close")
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        half = len(body) // 2
        self.wfile.write(body[:half] if fault != "wrong" else b"?" * half)
        self.wfile.flush()
        if fault == "hang up":
            self.close_connection = True
            return
        if fault == "drip":
            self.drip(body[half:])
            return
        if self.site.slow or fault == "stall":
            (self.site.slow or self.site.closing).wait(20)
        self.wfile.write(body[half:])
        if fault == "unannounced":
            self.close_connection = True

    def drip(self, body: bytes) -> None:
        for byte in body:
            if self.site.closing.wait(0.01):
                return
            self.wfile.write(bytes([byte]))

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving() -> Iterator[Site]:
    """Return a running server."""
    served = Site(content=os.urandom(3_000_000))
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield served
    finally:
        served.closing.set()
        if served.slow:
            served.slow.set()
        server.shutdown()
        server.server_close()
        thread.join()
