"""Fair shares at one endpoint, against a real Valkey: lines take turns, whatever stands in them."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openbeam_service.tasks.queue import TaskQueue

PEOPLE = "abcd"


class Lines:
    """A queue, and whose each task is."""

    def __init__(self, queue: TaskQueue) -> None:
        self.queue = queue
        self.queue.connection.flushall()
        self.owner: dict[str, str] = {}
        self.runner = asyncio.Runner()

    def add(self, who: str, number: int) -> list[str]:
        ids = [str(uuid.uuid4()) for _ in range(number)]
        self.owner |= dict.fromkeys(ids, who)
        self.queue.enqueue("e", ids, who=who)
        return ids

    def take(self, want: int) -> list[str]:
        return self.runner.run(self.queue.lease("e", want, 0))

    def owners(self, want: int) -> str:
        return "".join(self.owner[task_id] for task_id in self.take(want))

    def close(self) -> None:
        self.runner.run(self.queue.close())
        self.runner.close()


@pytest.fixture
def lines(valkey: str) -> Iterator[Lines]:
    made = Lines(TaskQueue(valkey, lease_seconds=60))
    yield made
    made.close()


def test_ten_thousand_tasks_starve_nobody(lines: Lines) -> None:
    many = lines.add("a", 10_000)
    assert lines.take(8) == many[:8]
    few = lines.add("b", 5)
    assert lines.queue.count("e") == 9_997
    taken = lines.take(12)
    assert [task_id for task_id in taken if task_id in set(few)] == few
    assert lines.queue.known("e") == {*many, *few}


def test_people_with_as_much_to_do_take_turns(lines: Lines) -> None:
    for who in PEOPLE:
        lines.add(who, 10)
    assert set(Counter(lines.owners(20)).values()) <= {4, 5, 6}
    assert Counter(lines.owners(20)).total() == 20
    assert lines.take(1) == []


def test_turns_are_by_seconds_not_by_tasks(lines: Lines) -> None:
    lines.add("a", 50)
    lines.add("b", 50)
    lines.owners(2)
    lines.queue.charge("e", {"a": 0.2})
    assert lines.owners(10).count("b") >= 8


def test_what_was_just_used_is_remembered_and_nobody_saves_up(lines: Lines) -> None:
    lines.add("a", 2)
    lines.add("b", 30)
    lines.take(3)
    lines.queue.charge("e", {"a": 0.1})
    lines.add("a", 30)
    assert lines.owners(5).count("b") >= 4
    lines.take(25)
    # c was never here, and has no more than its turn.
    lines.add("c", 30)
    assert 3 <= lines.owners(12).count("c") <= 7


def test_what_goes_to_the_front_passes_all_lines(lines: Lines) -> None:
    lines.add("a", 5)
    lines.add("b", 5)
    first = str(uuid.uuid4())
    lines.queue.enqueue("e", [first], who="b", front=True)
    assert lines.take(1) == [first]


def test_a_place_in_the_queue_is_known(lines: Lines) -> None:
    many, few = lines.add("a", 100), lines.add("b", 3)
    places = [lines.queue.ahead("e", "b", task_id) for task_id in few]
    assert places == [2, 4, 6]
    assert lines.queue.ahead("e", "a", many[0]) == 0
    assert lines.queue.ahead("e", "a", many[99]) == 102
    assert lines.queue.ahead("e", "a", str(uuid.uuid4())) is None
    order = lines.take(103)
    assert [order.index(task_id) <= place + 1 for task_id, place in zip(few, places, strict=True)] == [True] * 3


def test_who_waits_is_woken_for_each_task_of_a_line(lines: Lines) -> None:
    async def wait_twice() -> list[list[str]]:
        waiting = [asyncio.create_task(lines.queue.lease("e", 1, 5)) for _ in range(2)]
        await asyncio.sleep(0.2)
        await asyncio.to_thread(lines.add, "a", 2)
        return list(await asyncio.gather(*waiting))

    taken = lines.runner.run(wait_twice())
    assert [len(one) for one in taken] == [1, 1]
    assert lines.queue.count("e") == 0


_quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


def _fresh(lines: Lines) -> None:
    lines.queue.connection.flushall()
    lines.owner.clear()


@_quick
@given(
    works=st.lists(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 20)), min_size=2, max_size=12),
    wants=st.lists(st.integers(1, 12), min_size=1, max_size=20),
)
def test_those_who_wait_together_have_as_many_turns(
    lines: Lines, works: list[tuple[str, int]], wants: list[int]
) -> None:
    _fresh(lines)
    left: Counter[str] = Counter()
    for who, number in works:
        lines.add(who, number)
        left[who] += number
    turns = Counter(dict.fromkeys(left, 0))
    for want in wants:
        turns.update(got := lines.owners(want))
        left.subtract(got)
        # Whoever has more than the one task that stands ready has waited all the while.
        still = [turns[who] for who in left if left[who] > 1]
        assert max(still, default=0) - min(still, default=0) <= 2


@_quick
@given(
    steps=st.lists(
        st.one_of(st.tuples(st.sampled_from(PEOPLE), st.integers(1, 20)), st.integers(1, 12)), min_size=5, max_size=40
    )
)
def test_no_line_loses_or_repeats_a_task(lines: Lines, steps: list[tuple[str, int] | int]) -> None:
    _fresh(lines)
    taken: list[str] = []
    for step in steps:
        if isinstance(step, tuple):
            lines.add(*step)
        else:
            got = lines.take(step)
            assert len(got) == min(step, len(lines.owner) - len(taken))
            taken += got
    taken += lines.take(1000)
    assert sorted(taken) == sorted(lines.owner)
    assert lines.queue.count("e") == 0
    for who in PEOPLE:
        mine = [task_id for task_id in taken if lines.owner[task_id] == who]
        assert mine == [task_id for task_id in lines.owner if lines.owner[task_id] == who]
