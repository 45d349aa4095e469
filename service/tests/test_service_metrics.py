"""Numbers for Prometheus, read by its own parser; and who may read them."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest
from joserfc.jwk import ECKey
from openbeam.models import Role
from prometheus_client.parser import text_string_to_metric_families
from support.ports import free_port


def _numbers(service: Any, **headers: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = service.anyone.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.text
    families = text_string_to_metric_families(answer.text)
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def _key(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset(labels.items())


def test_requests_are_counted_by_route_and_not_by_address(service: Any) -> None:
    wanted = _key("openbeam_requests_total", method="GET", route="/api/v1/functions/{ref}", status="404")
    before = _numbers(service).get(wanted, 0)
    for _ in range(3):
        service.http.get(f"/api/v1/functions/{secrets.token_hex(4)}")
    service.anyone.get(f"/{secrets.token_hex(4)}")
    service.anyone.request("BREW", "/api/v1/health")
    numbers = _numbers(service)
    assert numbers[wanted] - before == 3
    assert numbers[_key("openbeam_request_seconds_count", route="/api/v1/functions/{ref}")] >= 3
    assert numbers[_key("openbeam_requests_total", method="GET", route="none", status="404")] >= 1
    routes = {dict(labels)["route"] for name, labels in numbers if name == "openbeam_requests_total"}
    methods = {dict(labels)["method"] for name, labels in numbers if name == "openbeam_requests_total"}
    assert [route for route in routes if re.search("[0-9a-f]{8}", route)] == []
    assert "BREW" not in methods


def test_actions_and_what_waits_are_there(
    start_service: Callable[..., Any], new_database: Callable[..., str], tmp_path: Any
) -> None:
    service = start_service(OPENBEAM_DATABASE=new_database(tmp_path))
    assert _numbers(service)[_key("openbeam_queue_depth", endpoint="other")] == 0
    with service.as_user("tess", Role.teacher) as teacher:
        key = ECKey.generate_key("P-256", private=True).as_dict(private=False)
        endpoint = teacher.post("/api/v1/endpoints", json={"name": "lab", "key": key}).json()["id"]
        spec = {"name": "double", "source": "def double(x):\n    return 2 * x\n", "entrypoint": "double"}
        function = teacher.post("/api/v1/functions", json=spec).json()["id"]
        for number in range(3):
            call = {"function": function, "endpoint": endpoint, "args": [number]}
            assert teacher.post("/api/v1/tasks", json=call).status_code == 201
    # The database is asked at most every five seconds: the numbers of another copy are fresh.
    numbers = _until(service, lambda found: found.get(_key("openbeam_tasks", state="queued")) == 3)
    assert numbers[_key("openbeam_queue_depth", endpoint=endpoint)] == 3
    assert numbers[_key("openbeam_endpoints", state="offline")] == 1
    assert numbers[_key("openbeam_actions_total", action="function.publish")] == 1
    assert numbers[_key("openbeam_actions_total", action="endpoint.register")] == 1
    assert numbers[_key("openbeam_watchers")] == 0
    assert numbers[_key("openbeam_database_connections", state="open")] >= 1


def _until(service: Any, there: Callable[[dict[Any, float]], bool]) -> dict[Any, float]:
    deadline = time.monotonic() + 20
    while True:
        numbers = _numbers(service)
        if there(numbers) or time.monotonic() > deadline:
            return numbers
        time.sleep(0.5)


def test_only_this_machine_may_read_them_without_a_token(service: Any) -> None:
    assert service.anyone.get("/metrics").status_code == 200
    for forwarded in ("X-Forwarded-For", "Forwarded"):
        assert service.anyone.get("/metrics", headers={forwarded: "for=192.0.2.1"}).status_code == 404


def test_a_token_opens_them_and_nothing_else_does(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_METRICS_TOKEN="scrape me")
    assert service.anyone.get("/metrics").status_code == 401
    assert service.anyone.get("/metrics", headers={"Authorization": "Bearer scrape  me"}).status_code == 401
    assert service.http.get("/metrics").status_code == 401
    assert _numbers(service, Authorization="Bearer scrape me")


def test_behind_a_proxy_nobody_is_here(start_service: Callable[..., Any]) -> None:
    port = free_port()
    service = start_service(OPENBEAM_URL=f"http://127.0.0.1:{port}", OPENBEAM_BIND=f"127.0.0.1:{port}")
    assert service.anyone.get("/metrics").status_code == 404


# ------------------------------------------------------------------------------------------------ health
def test_health_tells_its_parts_apart(service: Any) -> None:
    said = service.anyone.get("/api/v1/health").json()
    assert said["milliseconds"].keys() == {"database", "queue"}
    assert all(0 <= value < 10_000 for value in said["milliseconds"].values())
    assert said["endpoints_offline"] >= 0
    assert service.anyone.get("/api/v1/health/live").json() == {"status": "ok", "version": said["version"]}


@pytest.mark.parametrize(("given", "kept"), [("proxy-7.A_b", True), ("", False), ("a b", False), ("x" * 65, False)])
def test_every_answer_has_the_requests_id(service: Any, given: str, kept: bool) -> None:
    for path in ("/api/v1/health", "/nowhere", "/login"):
        answer = service.anyone.get(path, headers={"X-Request-ID": given} if given else {})
        found = answer.headers["X-Request-ID"]
        assert (found == given) is kept
        assert 1 <= len(found) <= 64
