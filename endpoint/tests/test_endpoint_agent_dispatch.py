"""The way of one task through the agent, with engines that do what a test says at the moment a test says it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from endpoint_kit import becomes
from hypothesis import given
from hypothesis import strategies as st
from openbeam.errors import EngineFault
from openbeam.models import LeasedTask, ResultsReply, ResultsRequest, TaskKind, TaskOutcome
from openbeam_datasets.files import FileCache
from openbeam_endpoint.agent.allowed import AllowList
from openbeam_endpoint.agent.dispatch import Dispatcher
from openbeam_endpoint.agent.held import Leases
from openbeam_endpoint.agent.outbox import Outbox
from openbeam_endpoint.agent.supply import Supply
from openbeam_endpoint.agent.tenants import Tenants
from openbeam_endpoint.engines import EngineReply
from openbeam_endpoint.keeper import Keeper
from openbeam_endpoint.parcel import pack, unpack


def task(task_id: str, lease_id: str = "first", tenant: str = "me", body: str = "e30=", **more: Any) -> LeasedTask:
    about = {"kind": TaskKind.call, "tenant": tenant, "timeout": 10, "files": [], "body": body, **more}
    return LeasedTask(task_id=task_id, lease_id=lease_id, **about)


class Obedient:
    """An engine that answers when it is told to."""

    def __init__(self, *, starts: bool = True) -> None:
        self.name = "obedient"
        self.starts = starts
        self.healthy = self.leaving = self.worn = False
        self.open: dict[str, Callable[[EngineReply], None]] = {}
        self.bodies: list[bytes] = []
        self.cancelled: list[str] = []
        self.closed = False

    def start(self) -> None:
        if not self.starts:
            raise EngineFault("It does not start.")
        self.healthy = True

    def submit(self, task_id: str, body: bytes, _seconds: float, on_done: Any, on_running: Any, *_: Any) -> None:
        self.bodies.append(body)
        self.open[task_id] = on_done
        on_running()

    def activity(self) -> str:
        return ""

    def cancel(self, task_id: str) -> None:
        self.cancelled.append(task_id)

    def close(self) -> None:
        self.healthy = False
        self.closed = True

    def answer(self, task_id: str, body: bytes = b"done") -> None:
        self.open.pop(task_id)(EngineReply(body, None))


class CountingLink:
    """Counts every outcome; refuses none."""

    def __init__(self) -> None:
        self.outcomes: list[TaskOutcome] = []

    async def results(self, request: ResultsRequest) -> ResultsReply:
        self.outcomes += request.outcomes
        return ResultsReply(accepted=[outcome.task_id for outcome in request.outcomes], fenced=[])


class House:
    """The middle of an agent: everything between its two ends."""

    def __init__(self, cache: FileCache, *, idle_seconds: float = 60, spares: int = 0, **options: Any) -> None:
        stays_warm = options.pop("stays_warm", True)
        self.engines: list[Obedient] = []
        self.starts = True
        self.link = CountingLink()
        self.leases = Leases(4)
        self.outbox = Outbox(self.link, self.leases)  # type: ignore[arg-type]
        self.troubles: list[str] = []
        supply = Supply(self.make, spares=spares, on_trouble=self.troubles.append)  # type: ignore[arg-type]
        self.tenants = Tenants(supply, warm="me", most=2, idle_seconds=idle_seconds, stays_warm=stays_warm)
        self.dispatcher = Dispatcher(self.leases, Keeper(cache), self.tenants, self.outbox, **options)

    def make(self) -> Obedient:
        self.engines.append(Obedient(starts=self.starts))
        return self.engines[-1]

    async def has(self, lease_id: str) -> Obedient:
        """Return the engine that has the task of a lease, once one has it."""
        await becomes(lambda: any(lease_id in engine.open for engine in self.engines))
        return next(engine for engine in self.engines if lease_id in engine.open)


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., House]:
    def run(what: Callable[[House], Awaitable[None]], **options: Any) -> House:
        async def main() -> House:
            house = House(FileCache(tmp_path), **options)
            sending = asyncio.create_task(house.outbox.send_all())
            try:
                await what(house)
            finally:
                sending.cancel()
                await house.tenants.close()
            return house

        return asyncio.run(main())

    return run


Run = Callable[..., House]


def test_a_body_goes_in_and_comes_out_unopened(run: Run) -> None:
    async def what(house: House) -> None:
        house.dispatcher.take(task("a", body="AP/+"))
        engine = await house.has("first")
        (ref,) = [held.ref() for held in house.leases.all()]
        await becomes(lambda: house.leases.all()[0].running)
        assert (ref.task_id, ref.lease_id) == ("a", "first")
        engine.answer("first", b"\x00\xff\xfe")
        await becomes(lambda: not house.leases.all())

    house = run(what)
    assert house.engines[0].bodies == [pack(b"", b"\x00\xff\xfe")]
    assert house.engines[0].closed
    assert [(o.task_id, o.body, o.problem) for o in house.link.outcomes] == [("a", "AP/+", None)]


def test_a_task_that_is_stopped_is_stopped_in_its_engine_and_nothing_is_sent(run: Run) -> None:
    async def what(house: House) -> None:
        house.dispatcher.take(task("a"))
        engine = await house.has("first")
        house.dispatcher.stop("a", "an older one")
        assert house.leases.all()
        house.dispatcher.stop("a", "first")
        assert not house.leases.all()
        await becomes(lambda: engine.cancelled == ["first"])
        house.dispatcher.take(task("a", "second"))
        (await house.has("second")).answer("second")
        engine.answer("first", b"late")
        await becomes(lambda: not house.leases.all())

    (outcome,) = run(what).link.outcomes
    assert (outcome.lease_id, outcome.body) == ("second", "ZG9uZQ==")


def test_a_task_that_is_leased_again_while_it_runs_is_not_run_again(run: Run) -> None:
    async def what(house: House) -> None:
        house.dispatcher.take(task("a"))
        engine = await house.has("first")
        house.dispatcher.take(task("a", "second"))
        house.dispatcher.stop("a", "first")
        engine.answer("first")
        await becomes(lambda: not house.leases.all())

    house = run(what)
    assert len(house.engines[0].bodies) == 1
    assert [(o.task_id, o.lease_id) for o in house.link.outcomes] == [("a", "second")]


def test_what_is_not_done_is_given_back(run: Run) -> None:
    async def what(house: House) -> None:
        for name in ("a", "b"):
            house.dispatcher.take(task(name, name))
        (await house.has("a")).answer("a")
        await house.has("b")
        await becomes(lambda: len(house.leases.all()) == 1)
        house.dispatcher.take(task("c", "c", tenant="other"))
        house.dispatcher.give_back()
        await house.outbox.send_rest()

    outcomes = {outcome.task_id: outcome.problem for outcome in run(what).link.outcomes}
    assert outcomes.pop("a") is None
    assert {name: problem and (problem.kind, problem.retry) for name, problem in outcomes.items()} == {
        "b": ("EngineFault", True),
        "c": ("EngineFault", True),
    }


def test_without_isolation_only_the_owner_is_served(run: Run) -> None:
    async def what(house: House) -> None:
        house.dispatcher.take(task("a", tenant="somebody else"))
        await becomes(lambda: not house.leases.all())

    house = run(what, only="me")
    assert not house.engines
    (outcome,) = house.link.outcomes
    assert outcome.problem is not None
    assert "serves its owner only" in outcome.problem.message
    assert not outcome.problem.retry


def test_where_engines_are_no_walls_one_serves_all_whose_code_is_listed(run: Run) -> None:
    code = b"def f(): return 1"
    allowed = AllowList([hashlib.sha256(code).hexdigest()])

    async def what(house: House) -> None:
        for tenant in ("me", "somebody else"):
            house.dispatcher.take(task(tenant, tenant, tenant=tenant, code=base64.b64encode(code).decode()))
            (await house.has(tenant)).answer(tenant)
        await becomes(lambda: not house.leases.all())

    house = run(what, shared="me", allowed=allowed)
    assert len(house.engines) == 1
    assert [outcome.problem for outcome in house.link.outcomes] == [None, None]


def test_only_code_on_the_owners_list_reaches_an_engine(run: Run) -> None:
    code = b"def f(): return 1"
    allowed = AllowList([hashlib.sha256(code).hexdigest()])
    good, bad = (base64.b64encode(text).decode() for text in (code, b"def f(): return 2"))

    async def what(house: House) -> None:
        # Whatever else the service says of a task, these are the bytes that would run.
        for number, kind in enumerate(TaskKind):
            house.dispatcher.take(task(f"bad {number}", f"bad {number}", kind=kind, code=bad))
        await becomes(lambda: not house.leases.all())
        assert not house.engines
        house.dispatcher.take(task("good", "good", code=good))
        house.dispatcher.take(task("look", "look", kind=TaskKind.inspect))
        for lease in ("good", "look"):
            (await house.has(lease)).answer(lease)
        await becomes(lambda: not house.leases.all())

    house = run(what, allowed=allowed)
    assert sorted(house.engines[0].bodies) == sorted([pack(code, b"{}"), pack(b"", b"{}")])
    outcomes = {outcome.task_id: outcome.problem for outcome in house.link.outcomes}
    assert (outcomes.pop("good"), outcomes.pop("look")) == (None, None)
    for problem in outcomes.values():
        assert problem is not None
        assert (problem.kind, problem.retry) == ("FunctionRefused", False)
        assert problem.details["sha256"] == hashlib.sha256(b"def f(): return 2").hexdigest()
        assert "owner's list" in problem.message


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_parcel_holds_what_was_packed(code: bytes, body: bytes) -> None:
    assert unpack(pack(code, body)) == (code, body)


@given(st.binary(max_size=40))
def test_bytes_that_are_no_parcel_are_refused(data: bytes) -> None:
    try:
        code, body = unpack(data)
    except EngineFault:
        return
    assert pack(code, body) == data


def test_what_nobody_foresaw_ends_one_task_and_not_the_agent(run: Run) -> None:
    async def what(house: House) -> None:
        house.dispatcher.take(task("a", body="not base64!"))
        await becomes(lambda: not house.leases.all())
        house.dispatcher.take(task("b", "b"))
        (await house.has("b")).answer("b")
        await becomes(lambda: not house.leases.all())

    outcomes = {outcome.task_id: outcome for outcome in run(what).link.outcomes}
    problem = outcomes["a"].problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("EngineFault", True)
    assert outcomes["b"].body is not None


def test_an_engine_that_does_not_start_asks_for_a_retry(run: Run) -> None:
    async def what(house: House) -> None:
        house.starts = False
        house.dispatcher.take(task("a"))
        await becomes(lambda: not house.leases.all())

    house = run(what)
    assert house.engines[0].closed
    (outcome,) = house.link.outcomes
    assert outcome.problem is not None
    assert (outcome.problem.message, outcome.problem.retry) == ("It does not start.", True)


def test_where_none_is_kept_all_engines_go_and_the_next_task_has_another(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_endpoint.agent.tenants._LOOK_SECONDS", 0.02)

    async def what(house: House) -> None:
        loops = [asyncio.create_task(loop()) for loop in (house.tenants.watch, house.tenants.keep_warm)]
        await house.tenants.warm_up()
        await becomes(lambda: house.engines[0].closed)
        house.dispatcher.take(task("a", "a"))
        (await house.has("a")).answer("a")
        await becomes(lambda: [engine.closed for engine in house.engines] == [True, True])
        for loop in loops:
            loop.cancel()

    (outcome,) = run(what, idle_seconds=0.1, stays_warm=False).link.outcomes
    assert outcome.problem is None


def test_the_warm_engine_comes_back_and_idle_ones_go(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openbeam_endpoint.agent.tenants._LOOK_SECONDS", 0.02)

    async def what(house: House) -> None:
        loops = [asyncio.create_task(loop()) for loop in (house.tenants.watch, house.tenants.keep_warm)]
        await becomes(lambda: len(house.engines) == 1 and house.engines[0].healthy)
        house.dispatcher.take(task("a", "a", tenant="other"))
        (await house.has("a")).answer("a")
        await becomes(lambda: house.engines[1].closed)
        house.dispatcher.take(task("b", "b"))
        assert await house.has("b") is house.engines[0]
        house.engines[0].healthy = False
        await becomes(lambda: len(house.engines) == 3 and house.engines[2].healthy)
        await becomes(lambda: house.engines[0].closed)
        for loop in loops:
            loop.cancel()

    outcomes = {outcome.task_id: outcome for outcome in run(what, idle_seconds=0.1).link.outcomes}
    problem = outcomes["b"].problem
    assert problem is not None
    assert (problem.kind, problem.retry) == ("EngineFault", True)
