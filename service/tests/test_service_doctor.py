"""``doctor`` finds what is wrong, says what to do, and finds nothing where all is well."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from openbeam.home import Home
from openbeam_service.database import now, upgrade
from openbeam_service.database.upgrade import revisions
from openbeam_service.doctor import stores
from openbeam_service.doctor.findings import Finding, Level
from openbeam_service.doctor.look import look
from openbeam_service.provision import initialise
from openbeam_service.settings import Settings
from support import nursery

pytestmark = pytest.mark.one_database


def _found(settings: Settings, **changes: Any) -> dict[str, Finding]:
    """Return the worst finding about each thing."""
    found: dict[str, Finding] = {}
    order = list(Level)
    for one in look(settings.model_copy(update=changes)):
        if one.what not in found or order.index(one.level) > order.index(found[one.what].level):
            found[one.what] = one
    return found


@contextmanager
def _web(body: bytes) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def own(service: Any, tmp_path: Path) -> Settings:
    """Return the settings of an installation of the test's own, with the queue of the running one."""
    home = Home(tmp_path / "home")
    changes = {"home": home, "database": f"sqlite:///{home.database}", "url": "http://127.0.0.1:9"}
    made: Settings = service.settings.model_copy(update=changes)
    initialise(made)
    return made


def test_a_running_service_has_nothing_bad(service: Any) -> None:
    with _web(b"portal") as portal:
        found = _found(service.settings, portal_url=portal)
    assert {one.what: one.said for one in found.values() if one.level is Level.bad} == {}
    well = {"home", "database", "queue", "service", "portal", "clock", "tls"}
    assert {what for what, one in found.items() if one.level is Level.ok} >= well
    # Other tests may have made one at this service; without one, it says what to do.
    assert bool(found["administrator"].advice) is (found["administrator"].level is not Level.ok)


def test_the_command_has_a_line_each_and_an_exit_status(service: Any) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    environment |= {"OPENBEAM_HOME": str(service.home.root), "OPENBEAM_URL": service.url}
    well = {"OPENBEAM_DATABASE": service.settings.database}
    ended = nursery.run("openbeam-service", "doctor", env=environment | well)
    assert ended.returncode == 0, ended.stdout
    assert [said for said in ended.stdout.splitlines() if said.startswith("ok    database")] != []
    away = {"OPENBEAM_DATABASE": "postgresql+psycopg://me:hunter2@127.0.0.1:9/openbeam"}
    ended = nursery.run("openbeam-service", "doctor", env=environment | away)
    assert ended.returncode == 1
    assert "bad   database" in ended.stdout
    assert "hunter2" not in ended.stdout + ended.stderr


def test_secrets_that_others_may_read_are_found(own: Settings) -> None:
    assert _found(own)["home"].level is Level.ok
    key = own.home.keys / "issuer.jwk"
    key.chmod(0o640)
    found = _found(own)["home"]
    assert (found.level, str(key) in found.said, "chmod" in found.advice) == (Level.bad, True, True)
    assert _found(own, home=Home(own.home.root / "empty"))["home"].level is Level.bad


def test_a_database_behind_and_one_ahead_are_found(own: Settings, tmp_path: Path) -> None:
    database = f"sqlite:///{tmp_path}/old.sqlite"
    upgrade(database, revisions()[1])
    found = _found(own, database=database)["database"]
    assert (found.level, "upgrade" in found.advice) == (Level.bad, True)


@pytest.mark.parametrize(
    ("changes", "what", "said"),
    [
        ({"valkey": "unix:///nowhere/valkey.sock"}, "queue", "nowhere"),
        ({"bind": "0.0.0.0:0"}, "tls", "without TLS"),
        ({"url": "https://127.0.0.1:9"}, "tls", "refused"),
        ({"database": "postgresql+psycopg://nobody@127.0.0.1:9/none"}, "database", "refused"),
    ],
)
def test_what_is_away_or_open_to_all_is_bad(own: Settings, changes: dict[str, str], what: str, said: str) -> None:
    found = _found(own, **changes)[what]
    assert found.level is Level.bad
    assert said in found.said
    assert found.advice


@pytest.mark.parametrize("said", [b"<h1>hello</h1>", b"1", b"[]", b'{"version": 2}', b'"version"'])
def test_something_else_at_the_services_address_is_found(own: Settings, said: bytes) -> None:
    with _web(said) as url:
        found = _found(own, url=url)["service"]
    assert (found.level, "something else" in found.said) == (Level.bad, True)
    assert _found(own)["service"].level is not Level.ok


def test_clocks_apart_are_found() -> None:
    assert stores._clock("queue", now() + timedelta(seconds=2)).level is Level.ok
    assert stores._clock("queue", now() - timedelta(minutes=2)).level is Level.bad


@pytest.mark.parametrize(
    ("info", "level"),
    [
        ({"aof_enabled": 1, "aof_last_write_status": "ok", "maxmemory_policy": "noeviction"}, Level.ok),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, Level.bad),
        ({"aof_enabled": 0}, Level.warn),
        ({"aof_enabled": 1, "aof_last_write_status": "ok", "maxmemory_policy": "allkeys-lru"}, Level.bad),
    ],
)
def test_a_queue_that_may_forget_is_found(info: dict[str, Any], level: Level) -> None:
    assert stores._persistence(info).level is level


def test_a_backup_is_remembered(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _found(own)["backup"].level is Level.warn
    from openbeam_service.cli import main

    for name, value in {"OPENBEAM_HOME": str(own.home.root), "OPENBEAM_DATABASE": own.database}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["openbeam-service", "backup", str(tmp_path / "b.zip")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert _found(own)["backup"].level is Level.ok


# ------------------------------------------------------------------------------------------------ the catalog
def test_the_installed_catalog_is_published_once(start_service: Callable[..., Any], tmp_path: Path) -> None:
    service = start_service()
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    environment |= {"OPENBEAM_HOME": str(service.home.root)}

    def sync(*arguments: str) -> subprocess.CompletedProcess[str]:
        return nursery.run("openbeam-service", "catalog", "sync", *arguments, env=environment)

    first = sync()
    assert first.returncode == 0, first.stderr
    published = [line for line in first.stdout.splitlines() if line.startswith("published")]
    assert len(published) == len(first.stdout.splitlines()) >= 4
    known = {one["name"]: one for one in service.http.get("/api/v1/functions").json()}
    assert known["z_mumu"]["owner"] == "operator"
    trail = len(service.http.get("/api/v1/audit", params={"kind": "function"}).json()["entries"])
    again = sync()
    assert [line for line in again.stdout.splitlines() if not line.startswith("as it was")] == []
    assert len(service.http.get("/api/v1/audit", params={"kind": "function"}).json()["entries"]) == trail
    # The catalog's own command, over REST, finds it just like this.
    environment |= {"OPENBEAM_URL": service.url}
    assert nursery.run("openbeam-catalog", "publish", env=environment).returncode == 0
    assert {one["name"]: one["version"] for one in service.http.get("/api/v1/functions").json()} == {
        name: one["version"] for name, one in known.items()
    }
    (tmp_path / "broken.json").write_text('{"functions": [{}]}')
    refused = sync(str(tmp_path / "broken.json"))
    assert (refused.returncode, len(refused.stderr.splitlines())) == (1, 1)
    assert "functions.0.name" in refused.stderr
