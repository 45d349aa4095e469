"""The audit trail: what is in it, who may read it, and how it is paged."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from openbeam import Client
from openbeam.cli.app import run_app
from openbeam.errors import InvalidInput
from openbeam.models import Role
from openbeam_service.audit.models import AuditRow
from openbeam_service.audit.store import forget_old, note
from openbeam_service.database import now
from openbeam_service.identity import passwords, store
from openbeam_service.provision import opened
from sqlalchemy import func, select, update

PASSWORD = "four words are enough"


def _name(word: str) -> str:
    return f"{word}-{secrets.token_hex(4)}"


def _entries(http: httpx.Client, **filters: Any) -> list[dict[str, Any]]:
    answer = http.get("/api/v1/audit", params=filters)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["entries"])


def _publish(http: httpx.Client, name: str, **more: Any) -> dict[str, Any]:
    spec = {"name": name, "source": "def double(x):\n    return 2 * x\n", "entrypoint": "double", **more}
    answer = http.post("/api/v1/functions", json=spec)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _lend(http: httpx.Client, name: str, *, public: bool = True) -> str:
    key = ECKey.generate_key("P-256", private=True).as_dict(private=False)
    answer = http.post(
        "/api/v1/endpoints", json={"name": name, "key": key, "visibility": "public" if public else "private"}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_an_entry_says_who_did_what_to_which_object(service: Any) -> None:
    name, function = _name("ada"), _name("double")
    with service.as_user(name) as ada:
        made = _publish(ada, function)
        (entry,) = _entries(ada, object=made["id"])
    assert entry["client"].startswith("token:")
    assert (entry["actor"], entry["action"], entry["kind"]) == (name, "function.publish", "function")
    assert (entry["object_id"], entry["name"]) == (made["id"], f"{function}@1")
    assert entry["details"]["sha256"] == made["sha256"]


def test_people_read_what_they_did_and_what_concerns_their_endpoints(service: Any) -> None:
    lender, guest, other = _name("lender"), _name("guest"), _name("other")
    with (
        service.as_user(lender, Role.teacher) as lending,
        service.as_user(guest) as visiting,
        service.as_user(other) as looking,
    ):
        endpoint = _lend(lending, _name("lab"))
        assert service.http.post(f"/api/v1/endpoints/{endpoint}/approve", json={"approve": True}).status_code == 200
        function = _publish(visiting, _name("f"))
        call = {"function": function["id"], "endpoint": endpoint, "args": [1]}
        assert visiting.post("/api/v1/tasks", json=call).status_code == 201
        seen = {entry["action"] for entry in _entries(lending, actor=guest)}
        assert seen == {"task.submit"}
        assert {entry["actor"] for entry in _entries(lending, endpoint=endpoint)} == {lender, guest, "operator"}
        assert {entry["actor"] for entry in _entries(visiting)} == {guest}
        assert _entries(looking) == []
        assert _entries(looking, endpoint=endpoint) == []
        assert {entry["action"] for entry in _entries(service.http, actor=guest)} == {"function.publish", "task.submit"}


def test_a_person_reads_what_was_done_to_their_account_and_no_secret(service: Any) -> None:
    name = _name("ada")
    with service.as_user(name) as ada:
        with opened(service.settings) as db:
            user = store.the_user(db, name)
            note(db, "cli", "user.set", user.id, user.name, role="teacher", password_hash="changed")
        (entry,) = _entries(ada, kind="user")
    assert (entry["actor"], entry["client"], entry["name"]) == ("cli", "cli", name)


def test_pages_follow_one_another_without_a_gap(service: Any) -> None:
    name = _name("ada")
    with service.as_user(name) as ada:
        names = [_publish(ada, _name("f"))["id"] for _ in range(7)]
        token = ada.headers["Authorization"].removeprefix("Bearer ")
        found, before = [], None
        while True:
            page = ada.get("/api/v1/audit", params={"limit": 3} | ({"before": before} if before else {})).json()
            found += [entry["object_id"] for entry in page["entries"]]
            assert len(page["entries"]) <= 3
            before = page["next"]
            if before is None:
                break
    assert found == names[::-1]
    with Client(service.url, token) as client:
        assert [entry.object_id for entry in client.audit(5)] == names[:1:-1]
        assert [entry.object_id for entry in client.audit(500)] == names[::-1]
        assert client.audit(since=now()) == []
        assert len(client.audit(until=now())) == 7
        assert [entry.name for entry in client.audit(object=names[0], action="function.publish")] != []
        with pytest.raises(InvalidInput):
            client.audit(colour="red")


@pytest.mark.parametrize(
    "wrong",
    [
        "limit=0",
        "limit=501",
        "before=0",
        "before=9999999999",
        "since=yesterday",
        "until=0001-01-01T00:00:00%2B14:00",
        "x=1",
    ],
)
def test_a_question_that_cannot_be_is_refused(service: Any, wrong: str) -> None:
    assert service.http.get(f"/api/v1/audit?{wrong}").status_code == 422


def test_the_command_prints_it(
    service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = _name("ada")
    with service.as_user(name) as ada:
        made = _publish(ada, _name("f"))
        monkeypatch.setenv("OPENBEAM_URL", service.url)
        monkeypatch.setenv("OPENBEAM_TOKEN", ada.headers["Authorization"].removeprefix("Bearer "))
    assert run_app(["audit", "--object", made["id"], "--since", "2026-01-01", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["actor"] == name
    assert run_app(["audit", "--action", "function.publish"]) == 0
    assert "\tfunction.publish\t" in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------ signing in
def _sign_in(browser: httpx.Client, name: str, password: str) -> httpx.Response:
    form = re.findall('name="form" value="([^"]+)"', browser.get("/login").text)[0]
    return browser.post("/login", data={"form": form, "next": "", "name": name, "password": password})


def test_signing_in_and_out_is_noted_and_what_was_mistyped_is_not(service: Any) -> None:
    name, mistyped = _name("ada"), _name("secret")
    service.user(name, Role.student, passwords.hash_password(PASSWORD))
    with service.client(Accept="text/html") as browser:
        assert _sign_in(browser, name, "wrong").status_code == 422
        assert _sign_in(browser, mistyped, PASSWORD).status_code == 422
        assert _sign_in(browser, name, PASSWORD).status_code == 303
        form = re.findall('name="form" value="([^"]+)"', browser.get("/logout").text)[0]
        browser.post("/logout", data={"form": form})
    noted = _entries(service.http, kind="user", limit=4)[::-1]
    assert [(entry["actor"], entry["action"], entry["name"]) for entry in noted] == [
        ("anonymous", "user.sign_in_failed", name),
        ("anonymous", "user.sign_in_failed", ""),
        (name, "user.sign_in", name),
        (name, "user.sign_out", name),
    ]
    assert mistyped not in json.dumps(_entries(service.http, limit=500))


def test_who_guesses_does_not_fill_the_disk(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_NOTED_FAILURES="2 per hour")
    with service.client(Accept="text/html") as browser:
        for number in range(5):
            assert _sign_in(browser, f"user{number}", "wrong").status_code == 422
    assert len(_entries(service.http, action="user.sign_in_failed")) == 2


# ------------------------------------------------------------------------------------------------ the table
def test_a_long_name_is_cut_and_old_entries_go(service: Any) -> None:
    with opened(service.settings) as db:
        note(db, "service", "test.old", "x" * 100, "y" * 1000)
    with opened(service.settings) as db:
        old = (AuditRow.action == "test.old",)
        row = db.scalars(select(AuditRow).where(*old)).one()
        assert (len(row.object_id), len(row.name)) == (64, 200)
        db.execute(update(AuditRow).where(*old).values(at=now() - timedelta(days=31)))
        everything = db.scalar(select(func.count()).select_from(AuditRow))
        forget_old(db, 32)
        assert db.scalar(select(func.count()).select_from(AuditRow)) == everything
        forget_old(db, 30)
        assert db.scalar(select(func.count()).select_from(AuditRow).where(*old)) == 0
