"""Credentials for outputs reach the agent that holds their user's task, and nobody else; where files are is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from joserfc.jwk import ECKey
from openbeam.errors import Conflict, InvalidInput, UnknownCredential
from openbeam.models import (
    CredentialSpec,
    LeasedTask,
    OutputGrant,
    OutputRequest,
    Role,
    SealingKey,
    TaskBatch,
    TaskSubmit,
)
from openbeam_service.audit.models import AuditRow
from openbeam_service.credentials import store as credentials
from openbeam_service.credentials.models import CredentialRow
from openbeam_service.endpoints import changes, sealing
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import add_user
from openbeam_service.tasks import outputs
from service_bench import Bench
from sqlalchemy import func, select

FILE = {
    "name": "skim.root",
    "uri": "root://eos.example.org//eos/user/a/ada/t/skim.root",
    "size": 9,
    "checksum": "adler32:00000009",
    "sha256": "0" * 64,
}


def _agent(b: Bench) -> Principal:
    return Principal(b.caller.user_id, "ada", None, frozenset(), b.endpoint, endpoint_id=b.endpoint)


def _tell_key(b: Bench) -> str:
    key = ECKey.generate_key("P-256")
    with b.backend.sessions.begin() as db:
        sealing.keep(db, _agent(b), SealingKey(key=key.as_dict(private=False)))
    return str(key.thumbprint())


def _add(b: Bench, key_id: str, caller: Principal | None = None, **more: Any) -> None:
    about = {"endpoint": "e", "name": "eos", "destination": "root://eos.example.org//eos/user/a/ada", "kind": "token"}
    spec = CredentialSpec.model_validate({**about, "key_id": key_id, "sealed": "adas..b.c.d", **more})
    with b.backend.sessions.begin() as db:
        credentials.add(db, caller or b.caller, spec)


def _grant(b: Bench, task: LeasedTask, **more: str) -> OutputGrant:
    asked = OutputRequest.model_validate({"task_id": task.task_id, "lease_id": task.lease_id, **more})
    with b.backend.sessions.begin() as db:
        return outputs.grant(db, _agent(b), asked)


def _count(b: Bench, action: str) -> int:
    with b.backend.sessions() as db:
        return db.scalar(select(func.count()).select_from(AuditRow).where(AuditRow.action == action)) or 0


def _other(b: Bench) -> Principal:
    with b.backend.sessions.begin() as db:
        user = add_user(db, "bob", Role.admin, None)
        return Principal(user.id, user.name, user.role, frozenset({"tasks:run", "admin"}), "portal")


def test_who_holds_the_task_gets_its_users_credential(bench: Any) -> None:
    async def test(b: Bench) -> None:
        key_id = _tell_key(b)
        bob = _other(b)
        _add(b, key_id)
        _add(b, key_id, bob, sealed="bobs..b.c.d")
        b.backend.submit_call(b.caller, TaskSubmit(function="f", endpoint="e", outputs="eos"))
        (task,) = await b.lease()
        assert task.outputs == "eos"
        grant = _grant(b, task)
        assert (grant.user, grant.user_id, grant.sealed) == ("ada", b.caller.user_id, "adas..b.c.d")
        assert _count(b, "credential.use") == 1
        with pytest.raises(Conflict, match="does not hold"):
            _grant(b, task, lease_id="another")
        assert b.give(task, {"value": 1}, outputs=[FILE])
        with pytest.raises(Conflict, match="does not hold"):
            _grant(b, task)
        with b.backend.sessions() as db:
            assert [one.uri for one in outputs.shown(b.task(task.task_id))] == [FILE["uri"]]
            entry = db.scalar(select(AuditRow).where(AuditRow.action == "task.outputs"))
        assert entry is not None
        assert (entry.actor, entry.object_id, entry.details) == ("ada", task.task_id, {"files": 1, "bytes": 9})

    bench(test)


def test_a_credential_that_went_meanwhile_is_not_given(bench: Any) -> None:
    async def test(b: Bench) -> None:
        _add(b, _tell_key(b))
        b.backend.submit_call(b.caller, TaskSubmit(function="f", endpoint="e", outputs="eos"))
        (task,) = await b.lease()
        with b.backend.sessions.begin() as db:
            (row,) = credentials.listed(db, b.caller)
            row.expires = datetime.now(UTC) - timedelta(seconds=1)
        with pytest.raises(Conflict, match="expired or was removed"):
            _grant(b, task)
        with b.backend.sessions.begin() as db:
            credentials.remove(db, b.caller, row.id)
        with pytest.raises(Conflict, match="expired or was removed"):
            _grant(b, task)
        with b.backend.sessions.begin() as db:
            db.get_one(UserRow, b.caller.user_id).active = False
        with pytest.raises(Conflict, match="closed"):
            _grant(b, task)

    bench(test)


def test_what_cannot_work_is_refused_when_it_is_asked_for(bench: Any) -> None:
    async def test(b: Bench) -> None:
        with pytest.raises(Conflict, match="takes no credentials"):
            _add(b, "x" * 43)
        key_id = _tell_key(b)
        with pytest.raises(Conflict, match="not sealed to the key"):
            _add(b, "x" * 43)
        with pytest.raises(InvalidInput, match="expired already"):
            _add(b, key_id, expires="2020-01-01T00:00:00Z")
        _add(b, key_id)
        _add(b, key_id, sealed="again..b.c.d")
        assert (_count(b, "credential.add"), _count(b, "credential.replace")) == (1, 1)
        with pytest.raises(UnknownCredential) as caught:
            b.backend.submit_call(b.caller, TaskSubmit(function="f", endpoint="e", outputs="eso"))
        assert caught.value.details["nearest"] == ["eos"]
        with pytest.raises(UnknownCredential):
            b.backend.submit_call(_other(b), TaskSubmit(function="f", endpoint="e", outputs="eos"))
        with pytest.raises(InvalidInput, match="Name the endpoint"):
            b.backend.submit_call(b.caller, TaskSubmit(function="f", outputs="eos"))
        call = TaskSubmit(function="f", endpoint="e", outputs="eos")
        group = "00000000-0000-4000-8000-000000000000"
        assert len(b.backend.submit_batch(b.caller, TaskBatch(group=group, calls=[call, call])).ids) == 2
        _tell_key(b)
        with pytest.raises(Conflict, match="Add it again"):
            b.backend.submit_call(b.caller, call)

    bench(test)


def test_an_endpoint_that_is_taken_away_takes_its_credentials_along(bench: Any) -> None:
    async def test(b: Bench) -> None:
        _add(b, _tell_key(b))
        with b.backend.sessions.begin() as db:
            changes.remove(db, b.caller, db.get_one(EndpointRow, b.endpoint))
        with b.backend.sessions() as db:
            assert db.scalar(select(func.count()).select_from(CredentialRow)) == 0

    bench(test)
