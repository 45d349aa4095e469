"""Classes from the two command lines, against the real service."""

from __future__ import annotations

import io
import secrets
import sys
from collections.abc import Callable
from typing import Any

import pytest
from openbeam import Client
from openbeam.cli.app import run_app
from openbeam.errors import UnknownClass
from openbeam.models import Role
from openbeam_service.classes import pupils
from openbeam_service.classes.models import ClassRow
from openbeam_service.cli import main
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.secret import digest
from openbeam_service.provision import opened

Typed = Callable[..., tuple[int, list[list[str]], str]]


@pytest.fixture
def typed(service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Return a function that types ``openbeam classes …``: exit code, cells of each line, errors."""

    def call(token: str, *words: str, answer: str = "") -> tuple[int, list[list[str]], str]:
        monkeypatch.setenv("OPENBEAM_URL", service.url)
        monkeypatch.setenv("OPENBEAM_TOKEN", token)
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        code = run_app(["classes", *words])
        said, problems = capsys.readouterr()
        return code, [line.split("\t") for line in said.splitlines()], problems

    return call


@pytest.fixture
def administrate(service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return a function that types ``openbeam-service class …``: exit code, output, errors."""

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setenv("OPENBEAM_HOME", str(service.home.root))
        monkeypatch.setenv("OPENBEAM_DATABASE", service.settings.database)
        monkeypatch.delenv("OPENBEAM_URL", raising=False)
        monkeypatch.setattr(sys, "argv", ["openbeam-service", "class", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return call


def unique(word: str) -> str:
    return f"{word}-{secrets.token_hex(3)}"


def test_a_class_from_the_command_line(service: Any, typed: Typed) -> None:
    name, helper_name = unique("9b"), unique("helper")
    teacher, helper, student = (
        service.user(unique("tess"), Role.teacher),
        service.user(helper_name, Role.teacher),
        service.user(unique("stu")),
    )
    code, (made,), problems = typed(teacher, "make", name, "--title", "Physics")
    assert (code, made[:4], problems) == (0, [name, "Physics", "teacher", "1"], "")
    for token in (helper, student):
        assert typed(token, "join", made[4].lower())[1][0][:4] == [
            name,
            "Physics",
            "member",
            "2" if token == helper else "3",
        ]
    assert typed(teacher, "role", name, helper_name, "teacher")[0] == 0
    assert [line[1] for line in typed(helper, "members", name)[1]] == ["teacher", "teacher", "member"]
    renewed = typed(helper, "code", name)[1][0]
    assert renewed[4] not in ("", made[4])
    assert typed(helper, "code", name, "--close")[1][0][4] == ""
    assert typed(teacher, "close", name)[1][0][4] == "closed"
    assert typed(teacher, "open", name)[1][0][4] == ""
    assert typed(student, "leave", name)[0] == 0
    assert typed(student)[1] == []
    assert "Did you mean" in typed(teacher, "remove", name, helper_name[:-1], "--yes")[2]
    assert typed(teacher, "remove", name, helper_name, "--yes")[0] == 0
    assert typed(teacher, "delete", name, "--yes")[0] == 0
    assert typed(teacher)[1] == []


def test_a_pupil_s_key_is_made_anew(service: Any, typed: Typed) -> None:
    token, name = service.user(unique("tess"), Role.teacher), unique("9b")
    typed(token, "make", name)
    with Client(service.url, token=token) as client:
        class_id = client.get_class(name).id
        with opened(service.settings) as db:
            user, old = pupils.join(db, db.get_one(ClassRow, class_id), "Ana")
        ((key,),) = typed(token, "key", name, "Ana")[1]
        with opened(service.settings) as db:
            assert db.get_one(UserRow, user.id).key_hash == digest(key.replace("-", "")) != digest(old)
        (ana,) = [member for member in client.members(name) if member.pupil]
        client.remove_member(name, ana)
        with opened(service.settings) as db:
            gone = db.get_one(UserRow, user.id)
            assert (gone.active, gone.display, gone.key_hash) == (False, None, None)


def test_an_administrator_s_classes(service: Any, administrate: Any) -> None:
    owner, name = unique("tess"), unique("9b")
    token = service.user(owner, Role.teacher)
    status, code, problem = administrate("add", owner, name, "--title", "Physics")
    assert (status, problem) == (0, "")
    with Client(service.url, token=token) as client:
        assert client.get_class(name).code == code.strip()
        renewed = administrate("code", f"{owner}/{name}")[1].strip()
        assert client.get_class(name).code == renewed != code.strip()
        listed = [line.split() for line in administrate("list")[1].splitlines()]
        assert [f"{owner}/{name}", "open", renewed, "until"] in [line[:4] for line in listed]
        administrate("close", f"{owner}/{name}")
        assert not client.get_class(name).open
        administrate("close", "--open", f"{owner}/{name}")
        assert client.get_class(name).open
        assert "Did you mean" in administrate("remove", f"{owner}/{name}x")[2]
        assert administrate("remove", f"{owner}/{name}")[0] == 0
        with pytest.raises(UnknownClass):
            client.get_class(name)
