from __future__ import annotations

from typing import Any

import pytest
from openbeam.errors import Conflict, NotAllowed, UnknownEndpoint
from openbeam.models import EndpointSpec, FunctionSpec, Role, Visibility
from openbeam_service.endpoints.store import register
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import add_user
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.store import publish_function
from openbeam_service.tasks.choice import choose_endpoint
from service_bench import KEY, STATUS, Bench
from service_kit import PLAIN
from sqlalchemy.orm import Session


def _person(b: Bench, name: str) -> Principal:
    with b.backend.sessions.begin() as db:
        user = add_user(db, name, Role.teacher, None)
        return Principal(user.id, user.name, user.role, frozenset({"tasks:run"}), "portal")


def _lend(
    b: Bench, owner: Principal, name: str, *, isolation: str = "", public: bool = False, listed: bool = False
) -> str:
    """Register an endpoint; with an isolation, it is online."""
    with b.backend.sessions.begin() as db:
        row, _ = register(db, owner, EndpointSpec(name=name, key=KEY))
        row.visibility = Visibility.public if public else Visibility.private
    if isolation:
        status = STATUS.model_validate({**STATUS.model_dump(), "isolation": isolation, "listed": listed})
        b.backend.presence.seen(row.id, status)
    return row.id


def _choose(b: Bench, caller: Principal, ref: str | None = None, author: Principal | None = None) -> str:
    with b.backend.sessions.begin() as db:
        return choose_endpoint(db, caller, ref, _function(db, author or caller)).name


def _function(db: Session, author: Principal) -> FunctionRow:
    return publish_function(db, author, FunctionSpec(name="g", source=PLAIN, entrypoint="double"))[0]


def test_without_an_endpoint_one_is_told_how_to_get_one(bench: Any) -> None:
    async def test(b: Bench) -> None:
        bob = _person(b, "bob")
        with pytest.raises(UnknownEndpoint, match="openbeam-endpoint start NAME"):
            _choose(b, bob)
        with pytest.raises(UnknownEndpoint):
            _choose(b, bob, "e")

    bench(test)


def test_without_isolation_only_the_owners_functions_run(bench: Any) -> None:
    async def test(b: Bench) -> None:
        bob = _person(b, "bob")
        _lend(b, bob, "bare", isolation="none")
        assert _choose(b, bob) == "bare"
        with pytest.raises(Conflict, match="has no isolation"):
            _choose(b, bob, author=b.caller)
        with pytest.raises(NotAllowed, match="no isolation"):
            _choose(b, bob, "bare", author=b.caller)
        _lend(b, bob, "guarded", isolation="docker")
        assert _choose(b, bob, author=b.caller) == "guarded"

    bench(test)


def test_a_cluster_without_isolation_is_left_to_its_owners_own_list(bench: Any) -> None:
    async def test(b: Bench) -> None:
        bob = _person(b, "bob")
        _lend(b, bob, "cluster", isolation="none", listed=True)
        assert _choose(b, bob, author=b.caller) == "cluster"

    bench(test)


def test_online_comes_before_idle_and_idle_before_busy(bench: Any) -> None:
    async def test(b: Bench) -> None:
        bob = _person(b, "bob")
        _lend(b, bob, "offline")
        assert _choose(b, bob) == "offline"
        _lend(b, b.caller, "public", isolation="docker", public=True)
        assert _choose(b, bob) == "public"
        _lend(b, bob, "zeta", isolation="docker")
        assert _choose(b, bob) == "zeta"
        assert b.task(b.submit()).endpoint_id == b.endpoint
        assert _choose(b, b.caller) == "public"

    bench(test)


def test_a_name_means_ones_own_endpoint_first(bench: Any) -> None:
    async def test(b: Bench) -> None:
        bob = _person(b, "bob")
        public = _lend(b, b.caller, "same", isolation="docker", public=True)
        own = _lend(b, bob, "same", isolation="docker")
        with b.backend.sessions.begin() as db:
            assert choose_endpoint(db, bob, "same", _function(db, bob)).id == own
            assert choose_endpoint(db, bob, public, _function(db, bob)).id == public

    bench(test)
