"""When an engine with blocks tries again, and when it lets tasks wait no longer."""

from __future__ import annotations

from openbeam_endpoint.engine.starts import Starts


def failed(starts: Starts, times: int = 1) -> None:
    for _ in range(times):
        starts.refused("no\nsuch partition\nno")


def test_three_failures_in_a_row_are_enough_when_no_block_is_there() -> None:
    starts = Starts("Slurm")
    assert starts.may_try()
    failed(starts, 2)
    assert not starts.may_try()
    assert not starts.gave_up(alone=True)
    failed(starts)
    assert starts.gave_up(alone=True)
    # And it stays so for a while, for those who come next.
    assert starts.gave_up(alone=True)
    assert starts.trouble == "Slurm starts no block: no; such partition."


def test_while_others_work_nothing_is_given_up_nor_held_against_it_later() -> None:
    starts = Starts("Slurm")
    for _ in range(5):
        failed(starts)
        assert not starts.gave_up(alone=False)
    assert not starts.gave_up(alone=True)
    failed(starts, 2)
    assert not starts.gave_up(alone=True)
    failed(starts)
    assert starts.gave_up(alone=True)


def test_a_block_that_comes_ends_all_trouble_and_one_that_stays_does_not() -> None:
    starts = Starts("Slurm")
    starts.came({"0"})
    failed(starts, 3)
    starts.came({"0"})
    assert starts.trouble
    assert starts.gave_up(alone=True)
    starts.came({"0", "4"})
    assert (starts.trouble, starts.may_try(), starts.gave_up(alone=True)) == ("", True, False)
