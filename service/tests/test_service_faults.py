"""Whatever goes wrong has one form; nothing unforeseen shows more than a reference."""

from __future__ import annotations

import json
import logging
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from openbeam import errors
from openbeam_service import faults, log
from openbeam_service.guards import BodyLimit

pytestmark = pytest.mark.one_database


def _error(answer: httpx.Response) -> dict[str, Any]:
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"kind", "message", "details"}
    assert isinstance(errors.from_json(body["error"]), errors.OpenbeamError)
    return dict(body["error"])


def test_unknown_addresses_and_methods(service: Any) -> None:
    missing = service.http.get("/api/v1/nothing")
    assert (missing.status_code, _error(missing)["kind"]) == (404, "NotKnown")
    wrong = service.http.put("/api/v1/whoami")
    assert (wrong.status_code, _error(wrong)["kind"]) == (405, "Refused")
    assert wrong.headers["allow"] == "GET"
    # Two routes have this address.
    assert service.http.put("/api/v1/functions").headers["allow"] == "GET, POST"


def test_a_browser_gets_a_page_a_program_gets_json(service: Any) -> None:
    page = service.http.get("/nothing", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such page" in page.text
    assert _error(service.http.get("/nothing"))["kind"] == "NotKnown"
    assert _error(service.http.get("/api/v1/nothing", headers={"Accept": "text/html"}))["kind"] == "NotKnown"


def test_a_wrong_field_is_named(service: Any) -> None:
    answer = service.http.post("/api/v1/endpoints", json={"name": "Not a name!", "keys": {}})
    error = _error(answer)
    assert (answer.status_code, error["kind"], error["details"]["field"]) == (422, "InvalidInput", "name")
    assert [one["field"] for one in error["details"]["fields"]] == ["name", "key", "keys"]
    assert "name: " in error["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff\xfe", b"null", b""])
def test_what_is_no_json_object_is_refused(service: Any, body: bytes) -> None:
    answer = service.http.post("/api/v1/endpoints", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}
    assert _error(answer)["kind"] in {"InvalidInput", "Refused"}


def test_bodies_are_bounded_with_and_without_a_length(service: Any) -> None:
    limit = service.settings.max_json_bytes
    with closing(HTTPConnection(*service.settings.address, timeout=10)) as connection:
        # The length is said and not one byte sent: the answer must not wait for them.
        connection.putrequest("POST", "/api/v1/endpoints")
        connection.putheader("Content-Length", str(limit + 1))
        connection.endheaders()
        declared = connection.getresponse()
        assert declared.status == 413
        assert json.loads(declared.read())["error"]["details"] == {"limit": limit}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    streamed = service.http.post("/login", content=(b"a=" + b"x" * 8192 for _ in range(16)), headers=form)
    assert (streamed.status_code, _error(streamed)["kind"]) == (413, "TooLarge")


def test_too_many_form_fields_are_refused(service: Any) -> None:
    answer = service.http.post("/login", data={f"f{number}": "x" for number in range(60)})
    assert answer.status_code == 400
    assert _error(answer)["kind"] == "Refused"


def test_the_document_describes_every_route(service: Any) -> None:
    document = service.http.get("/api/v1/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            where = f"{method} {path}"
            assert operation["tags"], where
            assert operation["summary"], where
            assert operation["description"], where
            if path.startswith("/api/"):
                assert operation["responses"]["default"]["content"]["application/json"]["schema"], where
    page = service.http.get("/api/v1/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert all(path in page.text for path in document["paths"])


# ------------------------------------------------------------------------------------------------ the unforeseen
@pytest.fixture
def broken() -> FastAPI:
    app = FastAPI()

    @app.get("/broken")
    def broken_route(password: str) -> None:
        secret = password * 2
        raise RuntimeError(len(secret))

    @app.get("/refused")
    def refused() -> None:
        raise errors.TooMany("Wait.", retry_after=7)

    faults.register(app)
    app.add_middleware(BodyLimit, limit=lambda _scope: 10)
    app.add_middleware(faults.CatchAll)
    return app


async def _get(app: FastAPI, path: str) -> httpx.Response:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.get(path)


@pytest.mark.anyio
async def test_a_fault_gives_a_reference_and_the_log_gives_the_rest(
    broken: FastAPI, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log.set_up()
    answer = await _get(broken, "/broken?password=hunter2hunter2")
    error = _error(answer)
    assert (answer.status_code, error["kind"]) == (500, "ServiceFault")
    assert "RuntimeError" not in answer.text
    line = json.loads(capsys.readouterr().err.splitlines()[-1])
    assert line["reference"] == error["details"]["reference"]
    assert line["route"] == "/broken"
    assert line["exception"][0]["exc_type"] == "RuntimeError"
    assert "hunter2" not in json.dumps(line)


@pytest.mark.anyio
async def test_who_is_too_fast_is_told_when_to_come_back(broken: FastAPI) -> None:
    answer = await _get(broken, "/refused")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
