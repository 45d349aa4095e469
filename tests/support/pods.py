"""A stand-in for the pods API of Kubernetes: it keeps what it is asked for, and runs each pod's command as a process.

It proves that a provider speaks the API and what its pods say of themselves; what a cluster makes of that, it cannot.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_PODS = re.compile(r"/api/v1/namespaces/([a-z0-9-]+)/pods(?:/([a-z0-9.-]+))?(?:\?.*)?")

_CONFIG = """\
apiVersion: v1
kind: Config
clusters: [{{name: here, cluster: {{server: "{url}"}}}}]
users: [{{name: me, user: {{token: none}}}}]
contexts: [{{name: here, context: {{cluster: here, user: me}}}}]
current-context: here
"""

Answer = tuple[int, dict[str, Any]]


class PodsApi:
    """Pods by name. Its one namespace is ``openbeam``; others are forbidden."""

    def __init__(self) -> None:
        self.asked: dict[str, dict[str, Any]] = {}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                status, body = api.answer(self.command, self.path, self.rfile.read(length))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def config(self, folder: Path) -> Path:
        """Write what a client needs to find this."""
        path = folder / "kubeconfig"
        path.write_text(_CONFIG.format(url=f"http://127.0.0.1:{self.server.server_port}"))
        return path

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        match = _PODS.fullmatch(path)
        if match is None:
            return _status(404, "the server could not find the requested resource")
        namespace, name = match.groups()
        if namespace != "openbeam":
            return _status(403, f'pods is forbidden: User "me" cannot create resource "pods" in "{namespace}"')
        if method == "POST":
            return self._create(json.loads(body))
        if name not in self.asked:
            return _status(404, f'pods "{name}" not found')
        return self.delete(name) if method == "DELETE" else (200, self._shown(name))

    def _create(self, pod: dict[str, Any]) -> Answer:
        name = pod["metadata"]["name"]
        container = pod["spec"]["containers"][0]
        environment = {"PATH": os.environ["PATH"]}
        line = [*container["command"], *container["args"]]
        self._processes[name] = subprocess.Popen(line, env=environment, start_new_session=True)
        self.asked[name] = pod
        return 201, self._shown(name)

    def delete(self, name: str) -> Answer:
        """End a pod, as its owner or anybody else may."""
        shown = self._shown(name)
        del self.asked[name]
        process = self._processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(10)
        return 200, shown

    def _shown(self, name: str) -> dict[str, Any]:
        phases = {None: "Running", 0: "Succeeded"}
        return {**self.asked[name], "status": {"phase": phases.get(self._processes[name].poll(), "Failed")}}

    def close(self) -> None:
        for name in list(self.asked):
            self.delete(name)
        self.server.shutdown()
        self.server.server_close()


def _status(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "message": message}


@contextmanager
def running_pods_api() -> Iterator[PodsApi]:
    api = PodsApi()
    try:
        yield api
    finally:
        api.close()
