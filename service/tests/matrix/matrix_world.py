"""Who knocks: a service, ten callers, and what the rows of the tables need to make things.

Everything that a row names is owned by ``teacher``, so that ``teacher2`` shows what one may not see.
"""

from __future__ import annotations

import secrets
import time
import uuid
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey
from openbeam.models import Role
from openbeam_service.identity import store
from openbeam_service.identity.models import OAuthClientRow
from openbeam_service.provision import opened

API = "/api/v1"
STATUS = {"workers": 1, "isolation": "bubblewrap", "environment": "sha256:abc", "version": "0.1.0"}
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PEOPLE = {
    "pupil": Role.pupil,
    "student": Role.student,
    "teacher": Role.teacher,
    "teacher2": Role.teacher,
    "admin": Role.admin,
    "gone": Role.teacher,
}
_AGENTS = {"agent": "teacher", "agent2": "teacher2", "gone-agent": "teacher"}

CALLERS = ("nobody", "pupil", "student", "teacher", "teacher2", "admin", "agent", "agent2", "gone", "gone-agent")
"""``agent`` is of the teacher's endpoint; ``gone`` is a closed account, ``gone-agent`` an agent that was struck off."""
HOSTED = (*CALLERS, "host")
"""``host`` is the agent of a host that the admin enrolled; only tables about hosts have its column."""


class World:
    """The running service, and a signed-in client for every caller."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.ids: dict[str, str] = {}
        """Of people their user names, of agents their endpoints' ids."""
        self.http = {"nobody": service.client()}
        for caller, role in _PEOPLE.items():
            self.ids[caller] = self.unique(caller)
            self.http[caller] = service.as_user(self.ids[caller], role)
        for caller, owner in _AGENTS.items():
            self.ids[caller], self.http[caller] = self._agent(owner)
        self.host, self.http["host"] = self._host()
        self.ids["host"] = self.ids["admin"]  # an agent acts for who let it in
        self._strike_off()

    def close(self) -> None:
        """Close all clients."""
        for client in self.http.values():
            client.close()

    @staticmethod
    def unique(word: str) -> str:
        """Return a name that nobody else has."""
        return f"{word}-{uuid.uuid4().hex[:12]}"

    def made(self, caller: str, path: str, **content: Any) -> Any:
        """Return what a caller gets for making something below the API."""
        answer = self.http[caller].post(f"{API}{path}", **content)
        assert answer.is_success, f"{caller} cannot make {path}: {answer.text}"
        return answer.json()

    def made_nothing(self, caller: str, path: str, **content: Any) -> None:
        """Have a caller say something below the API that is answered by nothing."""
        answer = self.http[caller].post(f"{API}{path}", **content)
        assert answer.status_code == 204, f"{caller} cannot say so to {path}: {answer.text}"

    def _agent(self, owner: str) -> tuple[str, httpx.Client]:
        key = ECKey.generate_key("P-256", auto_kid=True)
        spec = {"name": self.unique("lab"), "key": key.as_dict(private=False)}
        endpoint = self.made(owner, "/endpoints", json=spec)["id"]
        return endpoint, self.service.client(Authorization=f"Bearer {self._agent_token(endpoint, key)}")

    def _host(self) -> tuple[str, httpx.Client]:
        key = ECKey.generate_key("P-256", auto_kid=True)
        spec = {"name": self.unique("rack"), "key": key.as_dict(private=False)}
        host = self.made("admin", "/hosts", json=spec)["id"]
        return host, self.service.client(Authorization=f"Bearer {self._agent_token(host, key, 'endpoint:host')}")

    def _agent_token(self, endpoint: str, key: ECKey, scope: str = "endpoint:agent") -> str:
        moment = int(time.time())
        claims = {
            "iss": endpoint,
            "sub": endpoint,
            "aud": f"{self.service.url}/oauth/token",
            "iat": moment,
            "exp": moment + 60,
            "jti": secrets.token_hex(8),
        }
        fields = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": _ASSERTION,
            "client_assertion": jwt.encode({"alg": "ES256"}, claims, key),
        }
        answer = self.http["nobody"].post("/oauth/token", data=fields)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def _strike_off(self) -> None:
        """Close the account of ``gone``, and end ``gone-agent``; both still have their tokens."""
        with opened(self.service.settings) as db:
            store.the_user(db, self.ids["gone"]).active = False
            db.get_one(OAuthClientRow, self.ids["gone-agent"]).active = False
