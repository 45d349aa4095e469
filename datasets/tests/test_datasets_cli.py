"""``openbeam-datasets`` as a person meets it: a process, a service on the wire, one line each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from openbeam.errors import NotAllowed, to_json
from openbeam.models import Dataset, DatasetSpec
from openbeam_datasets.record import load_records

TOKEN = "obp_lab_secret"


@dataclass
class Service:
    """The part of the service's wire that publishing needs."""

    url: str = ""
    datasets: dict[str, Dataset] = field(default_factory=dict)
    answers: list[int] = field(default_factory=list)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def answer(self, status: int, body: str) -> None:
        self.service.answers.append(status)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())

    def do_GET(self) -> None:
        assert self.path == "/api/v1/health"
        self.answer(200, '{"status": "ok", "version": "0", "database": true, "queue": true, "endpoints": 0}')

    def do_POST(self) -> None:
        assert self.path == "/api/v1/datasets"
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(403, json.dumps({"error": to_json(NotAllowed("You may not publish datasets."))}))
        spec = DatasetSpec.model_validate_json(body)
        known = spec.name in self.service.datasets
        dataset = Dataset(**spec.model_dump(), owner="operator", created=datetime.now(UTC))
        self.service.datasets[spec.name] = dataset
        return self.answer(200 if known else 201, dataset.model_dump_json())

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def service() -> Iterator[Service]:
    """Return a running service."""
    served = Service()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ServiceHandler", (Handler,), {"service": served}))
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield served
    server.shutdown()
    server.server_close()
    thread.join()


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("openbeam-datasets")
    return subprocess.run(
        [program, *words], capture_output=True, text=True, env=os.environ | environment, timeout=60, check=False
    )


def test_publish_says_a_line_each_and_may_be_repeated(service: Service) -> None:
    for status in (201, 200):
        service.answers.clear()
        done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN=TOKEN)
        assert (done.returncode, done.stderr) == (0, "")
        assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
            f"published {name}" for name in load_records()
        ]
        assert service.answers == [200, *[status] * len(load_records())]
    published = {name: dataset.model_dump(exclude={"owner", "created"}) for name, dataset in service.datasets.items()}
    assert published == {name: spec.model_dump() for name, spec in load_records().items()}


def test_a_refusal_is_one_sentence(service: Service) -> None:
    done = run("publish", OPENBEAM_URL=service.url, OPENBEAM_TOKEN="obp_other_token")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: You may not publish datasets.\n")


def test_list_names_every_dataset_with_its_doi() -> None:
    done = run("list")
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == list(load_records())
    assert all(f"https://doi.org/{spec.doi}" in line for spec, line in zip(load_records().values(), lines, strict=True))
