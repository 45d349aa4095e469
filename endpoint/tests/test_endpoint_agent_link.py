"""The agent's half of the protocol, against a small server that speaks the other half over loopback."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from endpoint_kit import becomes
from endpoint_service import Service
from openbeam.errors import EngineFault, InvalidInput, NotAllowed, NotSignedIn, ServiceUnavailable, TooLarge, to_json
from openbeam.models import (
    EndpointStatus,
    Isolation,
    LeasedTask,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    StopsReply,
    StopsRequest,
    TaskKind,
)
from openbeam_endpoint.agent.held import Leases
from openbeam_endpoint.agent.lease import Leasing
from openbeam_endpoint.agent.link import Link, patiently
from openbeam_endpoint.agent.outbox import Outbox
from openbeam_endpoint.agent.problems import problem_of
from openbeam_endpoint.engines import EngineReply
from openbeam_endpoint.identity import Tokens, load_key, make_key, public_jwk

STATUS = EndpointStatus(workers=2, isolation=Isolation.none, environment="sha256:0", version="0")


def task(task_id: str, lease_id: str = "first") -> LeasedTask:
    return LeasedTask(
        task_id=task_id, lease_id=lease_id, kind=TaskKind.call, tenant="t", timeout=10, files=[], body="e30="
    )


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service()
    made.key = make_key(tmp_path / "key.jwk")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def tokens(service: Service, tmp_path: Path) -> Tokens:
    return Tokens(service.url, "endpoint-id", load_key(tmp_path / "key.jwk"))


def with_outbox(
    service: Service, tokens: Tokens, what: Callable[[Link, Leases, Outbox], Awaitable[None]], seconds: float = 10
) -> None:
    """Run a test inside an event loop, with an outbox that sends."""

    async def main() -> None:
        link, leases = Link(service.url, tokens), Leases(4)
        outbox = Outbox(link, leases)
        sending = asyncio.create_task(outbox.send_all())
        try:
            async with asyncio.timeout(seconds):
                await what(link, leases, outbox)
        finally:
            sending.cancel()
            await link.close()

    asyncio.run(main())


def held(leases: Leases, name: str, lease_id: str = "first") -> Any:
    found = leases.add(task(name, lease_id))
    assert found is not None
    return found


# ---------------------------------------------------------------------------------------------------- tokens
def test_the_key_is_private_to_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "key.jwk"
    key = make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert set(public_jwk(key)) == {"kty", "crv", "x", "y", "kid"}
    assert public_jwk(load_key(path)) == public_jwk(key)
    with pytest.raises(FileExistsError):
        make_key(path)


def test_a_token_is_asked_for_once_and_again_when_it_is_refused(service: Service, tokens: Tokens) -> None:
    async def main() -> None:
        link = Link(service.url, tokens)
        request = RenewRequest(leases=[], status=STATUS)
        for _ in range(3):
            await link.renew(request)
        assert service.asked_for_token == 1
        service.good_tokens.clear()
        await link.renew(request)
        assert service.asked_for_token == 2
        await link.close()

    asyncio.run(main())


def test_an_endpoint_that_is_not_known_any_more_is_told_so(service: Service, tokens: Tokens) -> None:
    service.key = None

    async def main() -> None:
        link = Link(service.url, tokens)
        await patiently()(link.sign_in)

    with pytest.raises(NotSignedIn, match="does not accept this endpoint"):
        asyncio.run(main())


@pytest.mark.parametrize("ahead", [86_400.0, -86_400.0])
def test_a_clock_that_is_a_day_off_keeps_nobody_out(service: Service, tmp_path: Path, ahead: float) -> None:
    service.ahead = ahead
    told: list[float] = []
    tokens = Tokens(service.url, "endpoint-id", load_key(tmp_path / "key.jwk"), tell_skew=told.append)
    assert tokens.get() in service.good_tokens
    assert [round(seconds, -2) for seconds in told] == [-ahead]


def test_what_asking_again_cannot_mend_is_raised_at_once(service: Service, tokens: Tokens) -> None:
    service.replies["renew"] = lambda _: (403, {"error": to_json(NotAllowed("Not yours."))})

    async def main() -> None:
        link = Link(service.url, tokens)
        await patiently()(link.renew, RenewRequest(leases=[], status=STATUS))

    with pytest.raises(NotAllowed, match=r"^Not yours\.$"):
        asyncio.run(main())


@pytest.mark.parametrize(
    "answer", [(200, {"error": "what"}), (200, ["not a reply"]), (500, {"oops": 1}), (404, {}), (503, {"error": "x"})]
)
def test_an_answer_that_is_not_openbeams_may_pass(service: Service, tokens: Tokens, answer: tuple[int, Any]) -> None:
    answers = [answer, (200, RenewReply(stop=["t"]))]
    service.replies["renew"] = lambda _: answers.pop(0)

    async def main() -> None:
        link = Link(service.url, tokens)
        reply = await patiently()(link.renew, RenewRequest(leases=[], status=STATUS))
        assert reply.stop == ["t"]
        await link.close()

    asyncio.run(main())


def test_nobody_there_is_one_error_of_the_tree(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    with pytest.raises(ServiceUnavailable, match=url):
        Tokens(url, "endpoint-id", make_key(tmp_path / "key.jwk")).get()


# ---------------------------------------------------------------------------------------------------- results
def test_results_wait_out_an_outage_and_are_logged_once(service: Service, tokens: Tokens) -> None:
    async def what(link: Link, leases: Leases, outbox: Outbox) -> None:
        await link.sign_in()
        service.stop()
        for name in ("a", "b"):
            outbox.put(held(leases, name), EngineReply(name.encode(), None))
        await asyncio.sleep(1)
        assert len(leases.all()) == 2
        service.start()
        await becomes(lambda: not leases.all())

    with structlog.testing.capture_logs() as logged:
        with_outbox(service, tokens, what)
    (batch,) = service.results
    assert [(o.task_id, base64.b64decode(o.body or "")) for o in batch.outcomes] == [("a", b"a"), ("b", b"b")]
    assert [line["event"] for line in logged] == [
        "the service does not answer, trying again",
        "the service answers again",
    ]


def test_a_result_that_was_fenced_counts_under_a_newer_lease(service: Service, tokens: Tokens) -> None:
    leased_again = threading.Event()

    def fence_once(request: ResultsRequest) -> tuple[int, Any]:
        if len(service.results) == 0:
            service.results.append(request)
            assert leased_again.wait(5)
            return 200, ResultsReply(accepted=[], fenced=["a"])
        return service.count(request)

    service.replies["results"] = fence_once

    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        outbox.put(held(leases, "a"), EngineReply(b"result", None))
        await becomes(lambda: service.results)
        assert leases.add(task("a", "second")) is None
        leased_again.set()
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)
    assert [request.outcomes[0].lease_id for request in service.results] == ["first", "second"]


def test_a_result_that_is_fenced_is_not_sent_again(service: Service, tokens: Tokens) -> None:
    service.replies["results"] = lambda request: (
        service.count(request)[0],
        ResultsReply(accepted=[], fenced=[outcome.task_id for outcome in request.outcomes]),
    )

    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        outbox.put(held(leases, "a"), EngineReply(b"late", None))
        await becomes(lambda: not leases.all())
        outbox.put(held(leases, "b"), EngineReply(b"next", None))
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)
    assert [[o.task_id for o in request.outcomes] for request in service.results] == [["a"], ["b"]]


def test_one_bad_result_does_not_hold_up_the_others(service: Service, tokens: Tokens) -> None:
    def picky(request: ResultsRequest) -> tuple[int, Any]:
        if any(outcome.task_id == "bad" and outcome.body for outcome in request.outcomes):
            return 413, {"error": to_json(TooLarge("Too much."))}
        return service.count(request)

    service.replies["results"] = picky

    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        for name in ("a", "bad", "c"):
            outbox.put(held(leases, name), EngineReply(name.encode(), None))
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)
    outcomes = {outcome.task_id: outcome for request in service.results for outcome in request.outcomes}
    assert outcomes.keys() == {"a", "bad", "c"}
    assert outcomes["bad"].problem is not None
    assert outcomes["bad"].problem.message == "The service did not take the result: Too much."
    assert not outcomes["bad"].problem.retry


def test_a_service_that_takes_nothing_of_a_task_does_not_stop_the_agent(service: Service, tokens: Tokens) -> None:
    service.replies["results"] = lambda _: (422, {"error": to_json(InvalidInput("No."))})

    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        outbox.put(held(leases, "a"), EngineReply(b"a", None))
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)


def test_large_results_go_in_several_batches_and_a_full_outbox_asks_for_a_retry(
    service: Service, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_endpoint.agent.outbox._BATCH_BYTES", 1000)
    monkeypatch.setattr("openbeam_endpoint.agent.outbox._MOST_BYTES", 3300)
    gate = threading.Event()

    def gated(request: ResultsRequest) -> tuple[int, Any]:
        assert gate.wait(5)
        return service.count(request)

    service.replies["results"] = gated

    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        for number in range(5):
            outbox.put(held(leases, str(number)), EngineReply(bytes(600), None))
        gate.set()
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)
    outcomes = {outcome.task_id: outcome for request in service.results for outcome in request.outcomes}
    assert [name for name, outcome in outcomes.items() if outcome.problem and outcome.problem.retry] == ["4"]
    assert max(sum(len(o.body or "") for o in request.outcomes) for request in service.results) <= 1000


def test_an_outcome_that_nobody_wants_any_more_is_not_sent(service: Service, tokens: Tokens) -> None:
    async def what(_: Link, leases: Leases, outbox: Outbox) -> None:
        stopped = held(leases, "stopped")
        leases.remove(stopped)
        outbox.put(stopped, EngineReply(b"late", None))
        outbox.put(held(leases, "a"), EngineReply(None, problem_of(EngineFault("x"))))
        await becomes(lambda: not leases.all())

    with_outbox(service, tokens, what)
    (request,) = service.results
    assert [outcome.task_id for outcome in request.outcomes] == ["a"]
    assert request.outcomes[0].problem is not None
    assert request.outcomes[0].problem.retry


# ---------------------------------------------------------------------------------------------------- stops
def test_a_word_of_something_to_stop_is_followed_by_a_renewal_that_says_what(service: Service, tokens: Tokens) -> None:
    words = iter([True, False])
    gate = threading.Event()

    def stops(_: StopsRequest) -> tuple[int, Any]:
        said = next(words, None)
        if said is None:
            gate.wait(10)
        return 200, StopsReply(stop=bool(said))

    stopped: list[tuple[str, str]] = []

    class Stopping:
        """What the agent does with a task is another test's."""

        def stop(self, task_id: str, lease_id: str) -> None:
            stopped.append((task_id, lease_id))

    async def main() -> None:
        service.replies["stops"] = stops
        service.replies["renew"] = lambda request: (200, RenewReply(stop=[ref.task_id for ref in request.leases]))
        link, leases = Link(service.url, tokens), Leases(4)
        held(leases, "a")
        # Only this loop runs: no other one renews.
        listening = asyncio.create_task(Leasing(link, leases, Stopping(), STATUS).listen())  # type: ignore[arg-type]
        await becomes(lambda: stopped and next(words, None) is None)
        gate.set()
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await link.close()

    asyncio.run(main())
    assert stopped == [("a", "first")]
