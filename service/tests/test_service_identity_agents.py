"""Endpoints and their agents: registration by public key, tokens by signed assertion."""

from __future__ import annotations

import secrets
import time
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from openbeam.models import Endpoint, Role
from openbeam_service.identity import store
from openbeam_service.provision import opened

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _key() -> ECKey:
    return ECKey.generate_key("P-256", private=True)


def _public(key: ECKey) -> dict[str, Any]:
    return dict(key.as_dict(private=False))


def _register(client: httpx.Client, name: str, key: ECKey, **more: Any) -> httpx.Response:
    return client.post("/api/v1/endpoints", json={"name": name, "key": _public(key), **more})


def _ask(service: Any, endpoint: str, key: Any, alg: str = "ES256", **changes: Any) -> httpx.Response:
    moment = int(time.time())
    claims = {
        "iss": endpoint,
        "sub": endpoint,
        "aud": f"{service.url}/oauth/token",
        "iat": moment,
        "exp": moment + 60,
        "jti": secrets.token_hex(8),
    }
    scope = changes.pop("scope", "endpoint:agent")
    claims = {name: value for name, value in {**claims, **changes}.items() if value is not None}
    fields = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION,
        "client_assertion": jwt.encode({"alg": alg}, claims, key, algorithms=[alg]),
    }
    return service.anyone.post("/oauth/token", data=fields)


@pytest.fixture(scope="module")
def teacher(service: Any) -> Any:
    with service.as_user("lending-teacher", Role.teacher) as client:
        yield client


@pytest.fixture
def agent(teacher: httpx.Client) -> tuple[str, ECKey]:
    """Return id and key of an endpoint of the teacher's."""
    key = _key()
    answer = _register(teacher, f"e{secrets.token_hex(4)}", key)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"], key


def _renew(service: Any, token: str) -> httpx.Response:
    status = {"workers": 1, "isolation": "none", "environment": "test", "version": "0"}
    headers = {"Authorization": f"Bearer {token}"}
    return service.anyone.post("/api/v1/agent/renew", json={"leases": [], "status": status}, headers=headers)


# ------------------------------------------------------------------------------------------------ registration
def test_an_endpoint_is_registered_listed_and_found(teacher: httpx.Client) -> None:
    made = _register(teacher, "physics-lab", _key(), description="Two old desktops")
    shown = Endpoint.model_validate(made.json())
    assert made.status_code == 201
    assert (shown.name, shown.owner, shown.description) == ("physics-lab", "lending-teacher", "Two old desktops")
    assert (shown.online, shown.last_seen, shown.status, shown.waiting) == (False, None, None, 0)
    for ref in ("physics-lab", shown.id):
        assert teacher.get(f"/api/v1/endpoints/{ref}").json() == made.json()
    assert made.json() in teacher.get("/api/v1/endpoints").json()


def test_an_endpoint_is_private_until_its_owner_says_otherwise(service: Any, teacher: httpx.Client) -> None:
    key = _key()
    _register(teacher, "shy", key)
    with service.as_user("looking-student") as student:
        missing = student.get("/api/v1/endpoints/shy")
        assert missing.status_code == 404
        assert missing.json()["error"]["kind"] == "UnknownEndpoint"
        assert "shy" not in {one["name"] for one in student.get("/api/v1/endpoints").json()}
        assert service.http.get("/api/v1/endpoints/shy").status_code == 200
        asked = _register(teacher, "shy", key, visibility="public")
        assert (asked.status_code, asked.json()["approval"]["state"]) == (200, "requested")
        assert student.get("/api/v1/endpoints/shy").status_code == 404
        approved = service.http.post(f"/api/v1/endpoints/{asked.json()['id']}/approve", json={"approve": True})
        assert approved.json()["approval"]["state"] == "approved"
        assert student.get("/api/v1/endpoints/shy").json()["visibility"] == "public"
        near = student.get("/api/v1/endpoints/shie").json()["error"]
        assert near["details"]["nearest"][0] == "shy"


def test_of_two_endpoints_of_one_name_the_own_comes_first(service: Any, teacher: httpx.Client) -> None:
    mine = _register(teacher, "twin", _key(), visibility="public").json()
    theirs = _register(service.http, "twin", _key(), visibility="public").json()
    assert mine["id"] != theirs["id"]
    assert teacher.get("/api/v1/endpoints/twin").json()["id"] == mine["id"]
    assert service.http.get("/api/v1/endpoints/twin").json()["id"] == theirs["id"]
    assert service.http.get(f"/api/v1/endpoints/{mine['id']}").json()["id"] == mine["id"]


def test_students_register_nothing(service: Any) -> None:
    with service.as_user("eager-student") as student:
        answer = _register(student, "laptop", _key())
    assert answer.status_code == 403
    assert answer.json()["error"]["details"]["scope"] == ["endpoints:manage"]
    assert 'error="insufficient_scope", scope="endpoints:manage"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    "key",
    [
        _key().as_dict(private=True),
        ECKey.generate_key("P-384", private=True).as_dict(private=False),
        RSAKey.generate_key(2048, private=True).as_dict(private=False),
        OctKey.generate_key(256).as_dict(private=True),
        {"kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA"},
        {"kty": "EC", "crv": "P-256"},
        {"kty": "EC", "crv": "P-256", "x": "é", "y": "!"},
        {},
    ],
)
def test_only_a_public_key_on_the_right_curve_is_taken(teacher: httpx.Client, key: dict[str, Any]) -> None:
    answer = teacher.post("/api/v1/endpoints", json={"name": "odd", "key": key})
    assert answer.status_code == 422
    assert answer.json()["error"]["kind"] == "InvalidInput"
    assert answer.json()["error"]["details"]["field"] == "key"


# ------------------------------------------------------------------------------------------------ tokens
def test_an_agent_gets_a_token_for_agents_routes_alone(service: Any, agent: tuple[str, ECKey]) -> None:
    answer = _ask(service, *agent)
    assert answer.status_code == 200, answer.text
    assert answer.json()["expires_in"] == 15 * 60
    assert "refresh_token" not in answer.json()
    token = answer.json()["access_token"]
    assert _renew(service, token).status_code == 200
    with service.client(Authorization=f"Bearer {token}") as client:
        assert client.get("/api/v1/whoami").status_code == 403
        assert client.get("/api/v1/endpoints").status_code == 403
        assert _register(client, "more", _key()).status_code == 403


def test_no_person_is_an_agent(service: Any) -> None:
    assert _renew(service, service.token).status_code == 403


def test_an_assertion_counts_once(service: Any, agent: tuple[str, ECKey]) -> None:
    assert _ask(service, *agent, jti="once").status_code == 200
    again = _ask(service, *agent, jti="once")
    assert (again.status_code, again.json()["error"]) == (400, "invalid_client")


def test_the_issuer_too_is_an_audience(service: Any, agent: tuple[str, ECKey]) -> None:
    assert _ask(service, *agent, aud=service.url).status_code == 200


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "https://elsewhere.example/oauth/token"},
        {"aud": None},
        {"jti": None},
        {"jti": 7},
        {"exp": None},
        {"exp": 1_700_000_000},
        {"exp": 4_000_000_000},
        {"exp": 1e300},
        {"exp": "soon"},
        {"iss": "portal"},
        {"sub": "portal", "iss": "portal"},
        {"sub": "nobody", "iss": "nobody"},
        {"sub": 7},
        {"sub": None},
    ],
)
def test_an_assertion_with_one_wrong_claim_is_refused(
    service: Any, agent: tuple[str, ECKey], change: dict[str, Any]
) -> None:
    answer = _ask(service, *agent, **change)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_client", "invalid_request"}


@pytest.mark.parametrize("scope", ["admin", "tasks:run", "everything"])
def test_an_agent_may_ask_for_nothing_else(service: Any, agent: tuple[str, ECKey], scope: str) -> None:
    answer = _ask(service, *agent, scope=scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_another_key_or_algorithm_is_refused(service: Any, agent: tuple[str, ECKey]) -> None:
    endpoint, key = agent
    secret = OctKey.import_key(_public(key)["x"])
    for wrong, alg in ((_key(), "ES256"), (secret, "HS256")):
        assert _ask(service, endpoint, wrong, alg).json()["error"] == "invalid_client"
    assert _ask(service, endpoint, key).status_code == 200


def test_a_new_key_replaces_the_old_one(service: Any, teacher: httpx.Client) -> None:
    old, new = _key(), _key()
    first, second = _register(teacher, "turning", old), _register(teacher, "turning", new)
    assert (first.status_code, second.status_code) == (201, 200)
    endpoint = first.json()["id"]
    assert second.json()["id"] == endpoint
    assert _ask(service, endpoint, old).json()["error"] == "invalid_client"
    assert _ask(service, endpoint, new).status_code == 200


def test_an_agent_falls_with_its_owner(service: Any) -> None:
    with service.as_user("leaving-teacher", Role.teacher) as leaving:
        key = _key()
        endpoint = _register(leaving, "orphan", key).json()["id"]
    token = _ask(service, endpoint, key).json()["access_token"]
    assert _renew(service, token).status_code == 200
    with opened(service.settings) as db:
        store.the_user(db, "leaving-teacher").active = False
    assert _renew(service, token).status_code == 401
    assert _ask(service, endpoint, key).json()["error"] == "invalid_client"
