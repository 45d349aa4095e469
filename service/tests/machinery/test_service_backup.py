"""Backup, wipe, restore: what people see is the same, byte for byte, on the same kind of database and on the other."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from openbeam.models import Role
from openbeam_service.backup.tables import clear
from openbeam_service.database import make_engine
from service_kit import ANALYSIS, PLAIN, Machine
from support import nursery
from support.postgres import Postgres

FILE = {"uri": "root://eos.example//small.root", "size": 1000, "checksum": "adler32:0000000a"}
FINAL = {"complete", "incomplete", "failed", "cancelled"}
START = Callable[..., Machine]


def _command(machine: Machine, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return nursery.run("openbeam-service", *map(str, arguments), env=machine.environment, timeout=120)


def _done(machine: Machine, *arguments: str | Path) -> str:
    ended = _command(machine, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def _made(http: httpx.Client, path: str, **content: object) -> dict[str, object]:
    answer = http.post(path, **content)  # type: ignore[arg-type]
    assert answer.is_success, answer.text
    return dict(answer.json())


def _live(machine: Machine, teacher: httpx.Client) -> list[str]:
    """Let a teacher have one of everything; return the addresses at which it is."""
    agent = machine.agent(teacher, "lab")
    source = f"# μ → é\n{PLAIN}"
    plain = _made(teacher, "/functions", json={"name": "double", "source": source, "entrypoint": "double"})
    spec = {"name": "spectrum", "kind": "analysis", "source": ANALYSIS, "entrypoint": "analyze"}
    analysis = _made(teacher, "/functions", json=spec)
    _made(teacher, "/datasets", json={"name": "small", "title": "Z → µµ", "files": [FILE], "doi": "10.1/x"})
    key = _made(teacher, "/files", content=os.urandom(200_000))["key"]
    room = _made(teacher, "/classes", json={"name": "room-7", "title": "Quarks & leptons"})
    run = _made(teacher, "/runs", json={"function": "spectrum", "dataset": "small", "endpoint": "lab"})
    call = _made(teacher, "/tasks", json={"function": "double", "endpoint": "lab", "args": [0.1, "\u0000 \U0001f600"]})
    paths = [f"/runs/{run['id']}", f"/tasks/{call['id']}"]
    agent.work(
        {FILE["checksum"]: [0, 30_000, 400_000]},
        until=lambda: all(teacher.get(path).json()["state"] in {*FINAL, "success"} for path in paths),
    )
    return [
        *paths,
        f"/runs/{run['id']}/histograms",
        *(
            "/functions",
            f"/functions/{plain['id']}",
            f"/functions/{analysis['id']}",
            "/functions/double@1",
            "/functions?search=doub",
        ),
        *("/datasets/small", f"/files/{key}", f"/classes/{room['id']}", f"/classes/{room['id']}/members"),
        "/runs",
    ]


def _seen(http: httpx.Client, paths: list[str]) -> dict[str, bytes]:
    answers = {path: http.get(path) for path in paths}
    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(paths, 200)
    return {path: answer.content for path, answer in answers.items()}


def _tables(archive: Path) -> dict[str, list[str]]:
    with zipfile.ZipFile(archive) as opened_:
        names = [name for name in opened_.namelist() if name.startswith("tables/")]
        return {name: sorted(opened_.read(name).decode().splitlines()) for name in names}


def _wipe(machine: Machine) -> None:
    """Lose everything."""
    engine = make_engine(machine.settings.database)
    clear(engine)
    engine.dispose()
    shutil.rmtree(machine.settings.home.root)


@pytest.fixture
def other_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """Return a function that makes an empty database of the other kind."""

    def make(database: str) -> str:
        if not database.startswith("sqlite"):
            return f"sqlite:///{tmp_path}/other.sqlite"
        server: Postgres = request.getfixturevalue("postgres")
        return server.fresh()

    return make


def test_backup_wipe_restore_everything_is_back_byte_for_byte(
    start_machine: START,
    new_database: Callable[[Path], str],
    other_database: Callable[[str], str],
    tmp_path: Path,
) -> None:
    machine = start_machine(OPENBEAM_DATABASE=new_database(tmp_path))
    with machine.person("tess", Role.teacher) as teacher:
        paths = _live(machine, teacher)
        before = _seen(teacher, paths)
        first = tmp_path / "first.zip"
        said = _done(machine, "backup", first)  # while it runs
        assert "password hashes" in said
        assert stat.S_IMODE(first.stat().st_mode) == 0o600
        machine.stop("serve")
        machine.stop("valkey")
        _wipe(machine)

        # Out of PostgreSQL and into it are both shown; from one to another is these two.
        same, other = machine.settings.database, other_database(machine.settings.database)
        for database in (same, other) if same.startswith("sqlite") else (other,):
            machine.environment["OPENBEAM_DATABASE"] = database
            _done(machine, "restore", first)
            _done(machine, "init")
            machine.start("valkey", "serve")
            machine.wait_until_well()
            assert _seen(teacher, paths) == before
            second = tmp_path / f"again-{database.partition(':')[0]}.zip"
            _done(machine, "backup", second)
            _same_but_for_the_trail(_tables(first), _tables(second))
            # New entries find new ids.
            spec = {"name": "after", "source": PLAIN, "entrypoint": "double"}
            assert teacher.post("/functions", json=spec).status_code == 201
            machine.stop("serve")
            machine.stop("valkey")


def _same_but_for_the_trail(before: dict[str, list[str]], after: dict[str, list[str]]) -> None:
    """Compare; the trail says that there was a restore, and `init` may have made what belongs to a new home."""
    own = {
        "tables/audit.jsonl",
        "tables/personal_tokens.jsonl",
        "tables/oauth_clients.jsonl",
        "tables/setup_links.jsonl",
    }
    assert before.keys() == after.keys()
    assert {name: lines for name, lines in after.items() if name not in own} == {
        name: lines for name, lines in before.items() if name not in own
    }
    assert set(before["tables/audit.jsonl"]) < set(after["tables/audit.jsonl"])
    assert len(before["tables/tasks.jsonl"]) > 3
