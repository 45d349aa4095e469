"""What the tests of the registry, the queue, tasks and runs share: a service whose leases are short, and an agent.

The agent speaks the agents' REST protocol, which is the protocol's public door, and computes nothing: a test says what
each task gives.
"""

from __future__ import annotations

import base64
import json
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import hist
import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from openbeam.histograms import to_uhi
from openbeam.models import LeasedTask, Role
from openbeam.places import trust
from openbeam_service import queue_server
from openbeam_service.identity import store, tokens
from openbeam_service.provision import opened
from openbeam_service.settings import Settings
from support.nursery import Forked, serve
from support.service import wait_until_well

_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

ANALYSIS = "def analyze(events, params):\n    return {}\n"
PLAIN = "def double(x):\n    return 2 * x\n"
MASS = {
    "type": "object",
    "properties": {
        "low": {"type": "number", "default": 60, "minimum": 0, "maximum": 120, "x-unit": "GeV"},
        "bins": {"type": "integer", "default": 30, "minimum": 1, "maximum": 300},
    },
}


def body(value: Any) -> str:
    """Return an outcome's body as engines write it."""
    return base64.b64encode(json.dumps(value).encode()).decode()


def histogram(events: int, bins: int = 4) -> dict[str, Any]:
    """Return the UHI of a histogram whose sum is ``events``."""
    made = hist.Hist.new.Reg(bins, 0, bins, name="m", label="Mass [GeV]").Double()
    made.fill([0.5], weight=[events])
    return to_uhi(made)


def chunk_result(events: int, **more: Any) -> dict[str, Any]:
    return {"events": events, "histograms": {"mass": histogram(events)}, "seconds": 0.01, **more}


def total(histograms: dict[str, Any], name: str = "mass") -> float:
    return float(sum(histograms[name]["storage"]["values"]))


@dataclass
class Agent:
    """An endpoint's agent with its key."""

    url: str
    id: str
    name: str
    key: ECKey
    status: dict[str, Any]
    http: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        self.http = httpx.Client(base_url=self.url, timeout=40, **trust(self.url))
        self.sign_in()

    def sign_in(self) -> None:
        moment = int(time.time())
        claims = {
            "iss": self.id,
            "sub": self.id,
            "aud": f"{self.url}/oauth/token",
            "iat": moment,
            "exp": moment + 60,
            "jti": uuid.uuid4().hex,
        }
        answer = self.http.post(
            "/oauth/token",
            data={
                "grant_type": "client_credentials",
                "scope": "endpoint:agent",
                "client_id": self.id,
                "client_assertion_type": _ASSERTION,
                "client_assertion": jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key),
            },
        )
        assert answer.status_code == 200, answer.text
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def post(self, path: str, data: Any, timeout: float = 40) -> httpx.Response:
        return self.http.post(f"/api/v1/agent/{path}", json=data, timeout=timeout)

    def lease(self, want: int = 16, wait: float = 5) -> list[LeasedTask]:
        answer = self.post("lease", {"want": want, "wait": wait, "status": self.status})
        assert answer.status_code == 200, answer.text
        return [LeasedTask.model_validate(task) for task in answer.json()["tasks"]]

    def renew(self, *tasks: LeasedTask, **more: Any) -> list[str]:
        leases = [{"task_id": task.task_id, "lease_id": task.lease_id, **more} for task in tasks]
        answer = self.post("renew", {"leases": leases, "status": self.status})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["stop"])

    def send(self, *outcomes: tuple[LeasedTask, dict[str, Any]]) -> dict[str, list[str]]:
        wire = [{"task_id": task.task_id, "lease_id": task.lease_id, **outcome} for task, outcome in outcomes]
        answer = self.post("results", {"outcomes": wire})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def give(self, task: LeasedTask, value: Any) -> bool:
        """Hand in a result; return whether it counted."""
        return self.send((task, {"body": body(value)}))["accepted"] == [task.task_id]

    def complain(self, task: LeasedTask, kind: str, message: str = "It broke.", *, retry: bool, **details: Any) -> bool:
        problem = {"kind": kind, "message": message, "details": details, "retry": retry}
        return self.send((task, {"problem": problem}))["accepted"] == [task.task_id]

    def work(self, entries: dict[str, list[int]], *, until: Callable[[], bool], seconds: float = 20) -> None:
        """Work like an engine that finds as many events as it should; files have these cluster offsets by checksum."""
        deadline = time.monotonic() + seconds
        while not until():
            assert time.monotonic() < deadline, "the work was not done in time"
            tasks = self.lease(wait=0.3)
            self.send(*[(task, {"body": body(self.compute(task, entries))}) for task in tasks])

    def compute(self, task: LeasedTask, entries: dict[str, list[int]]) -> dict[str, Any]:
        asked = json.loads(base64.b64decode(task.body))
        if asked["kind"] == "inspect":
            offsets = entries[asked["file"]]
            return {"entries": offsets[-1], "offsets": offsets, "columns": ["px", "py"]}
        if asked["kind"] == "call":
            return {"value": [asked["args"], asked["kwargs"]]}
        return chunk_result(asked["stop"] - asked["start"])


@dataclass
class Machine:
    """A service of the tests' own: its processes can be killed and started again."""

    settings: Settings
    environment: dict[str, str]
    processes: dict[str, subprocess.Popen[bytes] | Forked] = field(default_factory=dict)
    token: str = ""

    @property
    def url(self) -> str:
        return self.settings.url

    def start(self, *commands: str) -> None:
        for command in commands:
            log = self.settings.home.root / "log" / command
            if command == "serve":
                self.processes[command] = serve(self.environment, log)
                continue
            with log.open("ab") as sink:
                line = queue_server.command(self.settings.home)
                self.processes[command] = subprocess.Popen(line, stdout=sink, stderr=subprocess.STDOUT)

    def kill(self, command: str) -> None:
        """End a process as a power cut does."""
        self.processes[command].kill()
        self.processes.pop(command).wait()

    def stop(self, command: str) -> float:
        """Ask a process to end; return how many seconds it took."""
        started = time.monotonic()
        process = self.processes.pop(command)
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return time.monotonic() - started

    def wait_until_well(self) -> None:
        wait_until_well(self.url, self.settings.home.root / "log" / "serve")

    def client(self, token: str) -> httpx.Client:
        bearer = {"Authorization": f"Bearer {token}"}
        return httpx.Client(base_url=f"{self.url}/api/v1", headers=bearer, timeout=40, **trust(self.url))

    def person(self, name: str, role: Role = Role.student) -> httpx.Client:
        """Add a user; return a client that is signed in as them."""
        with opened(self.settings) as db:
            made = tokens.make(db, store.add_user(db, name, role), days=1)
        return self.client(made)

    def agent(self, owner: httpx.Client, name: str, *, public: bool = True, isolation: str = "bubblewrap") -> Agent:
        key = ECKey.generate_key("P-256", auto_kid=True)
        spec = {"name": name, "key": key.as_dict(private=False), "visibility": "public" if public else "private"}
        answer = owner.post("/endpoints", json=spec)
        assert answer.status_code in {200, 201}, answer.text
        if answer.json()["approval"] == {"state": "requested", "note": ""}:
            self.client(self.token).post(f"/endpoints/{answer.json()['id']}/approve", json={"approve": True})
        status = {"workers": 2, "isolation": isolation, "environment": "sha256:abc", "version": "0.1.0"}
        return Agent(self.url, answer.json()["id"], name, key, status)
