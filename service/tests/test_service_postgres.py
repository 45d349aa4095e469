"""PostgreSQL: what is different there. What is the same, the tests beside this one show on both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openbeam_service.database import make_engine
from sqlalchemy import text
from support.postgres import Postgres, running_postgres


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Return a server of the test's own."""
    with running_postgres() as made:
        yield made


def test_the_service_outlives_its_database(server: Postgres, start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_DATABASE=server.fresh())
    assert service.http.get("/api/v1/whoami").status_code == 200
    server.stop()
    refused = service.http.get("/api/v1/whoami")
    assert (refused.status_code, refused.json()["error"]["kind"]) == (503, "ServiceUnavailable")
    health = service.anyone.get("/api/v1/health")
    assert (health.status_code, health.json()["error"]["details"]["database"]) == (503, False)
    server.start()
    assert service.http.get("/api/v1/whoami").status_code == 200
    assert service.anyone.get("/api/v1/health").status_code == 200
    spec = {"name": "f", "source": "def f():\n    pass\n", "entrypoint": "f"}
    assert service.http.post("/api/v1/functions", json=spec).status_code == 201
    log = (service.home.root / "log" / "service").read_text()
    assert "the database does not answer" in log
    assert "Traceback" not in log


def test_connections_say_whose_they_are(server: Postgres) -> None:
    engine = make_engine(server.fresh())
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW application_name")) == "openbeam"
    engine.dispose()
