"""The service as a process: it says when it is not well, and goes in time when it is told to."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

STATUS = {"workers": 1, "isolation": "none", "environment": "test", "version": "0"}


def _agent(service: Any) -> httpx.Client:
    """Register an endpoint; return a client that is signed in as its agent."""
    key = ECKey.generate_key("P-256", private=True)
    made = service.http.post("/api/v1/endpoints", json={"name": "waiting", "key": key.as_dict(private=False)})
    endpoint, moment = made.json()["id"], int(time.time())
    claims = {"iss": endpoint, "sub": endpoint, "aud": service.url, "jti": secrets.token_hex(8), "exp": moment + 60}
    fields = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": jwt.encode({"alg": "ES256"}, claims, key),
    }
    token = service.anyone.post("/oauth/token", data=fields).json()["access_token"]
    return service.client(Authorization=f"Bearer {token}")


def test_it_counts_endpoints_says_what_is_broken_and_stops_in_time(start_service: Callable[..., Any]) -> None:
    service = start_service()
    well = service.anyone.get("/api/v1/health").json()
    assert (well["status"], well["database"], well["queue"], well["endpoints"]) == ("ok", True, True, 0)

    with _agent(service) as agent:
        lease = {"want": 1, "wait": 0, "status": STATUS}
        assert agent.post("/api/v1/agent/lease", json=lease).json()["tasks"] == []
        assert service.anyone.get("/api/v1/health").json()["endpoints"] == 1
        shown = service.http.get("/api/v1/endpoints/waiting").json()
        assert shown["online"] is True
        assert shown["status"] == shown["status"] | STATUS

        waiting = threading.Thread(target=_wait_for_work, args=(agent,))
        waiting.start()
        time.sleep(0.5)
        service.queue.kill()
        service.queue.wait()
        broken = service.anyone.get("/api/v1/health")
        assert (broken.status_code, broken.json()["error"]["kind"]) == (503, "ServiceUnavailable")
        details = broken.json()["error"]["details"]
        assert (details["database"], details["queue"]) == (True, False)
        assert service.anyone.get("/api/v1/health/live").json()["status"] == "ok"

        started = time.monotonic()
        service.server.terminate()
        service.server.wait(10)
        assert time.monotonic() - started < 6
        waiting.join(10)
        assert not waiting.is_alive()


def _wait_for_work(agent: httpx.Client) -> None:
    try:
        agent.post("/api/v1/agent/lease", json={"want": 1, "wait": 30, "status": STATUS})
    except httpx.TransportError:
        return  # the service went away, as this test wants it to


def test_stopping_does_not_wait_for_an_agents_long_poll(start_service: Callable[..., Any]) -> None:
    service = start_service()
    with _agent(service) as agent:
        waiting = threading.Thread(target=_wait_for_work, args=(agent,))
        waiting.start()
        time.sleep(0.5)
        started = time.monotonic()
        service.server.terminate()
        service.server.wait(10)
        assert time.monotonic() - started < 6
        waiting.join(10)
        assert not waiting.is_alive()
