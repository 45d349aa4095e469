from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam_service.runs.plan import LEAST, MOST, PIECES, SAMPLE, SAMPLE_ABOVE, SMALL, TINY, Chunk, FileFacts, plan


def _facts(*clusters: int) -> FileFacts:
    offsets = [0]
    for events in clusters:
        offsets.append(offsets[-1] + events)
    return FileFacts(offsets[-1], offsets if len(offsets) > 1 else [0, 0])


def _sizes(files: Sequence[FileFacts]) -> list[int]:
    return [chunk.events for chunk in plan(files)]


FILES = st.lists(
    st.lists(st.integers(1, 900_000), max_size=12).map(lambda clusters: _facts(*clusters)), min_size=1, max_size=5
)


@given(FILES)
def test_every_event_is_in_exactly_one_chunk(files: list[FileFacts]) -> None:
    chunks = plan(files)
    for index, facts in enumerate(files):
        mine = sorted((chunk.start, chunk.stop) for chunk in chunks if chunk.file == index)
        assert all(start < stop for start, stop in mine)
        edges = [edge for chunk in mine for edge in chunk]
        assert edges[::2] == [0, *edges[1:-1:2]] if mine else facts.entries == 0
        assert not mine or edges[-1] == facts.entries


@given(FILES)
def test_large_runs_are_cut_between_clusters_except_for_the_sample(files: list[FileFacts]) -> None:
    total = sum(facts.entries for facts in files)
    chunks = plan(files)
    if total <= SMALL:
        return
    sample = chunks[0].stop if chunks[0].events == SAMPLE else None
    for chunk in chunks:
        clusters = set(files[chunk.file].offsets)
        assert chunk.start in clusters or (chunk.file == chunks[0].file and chunk.start == sample)
        assert chunk.stop in clusters or chunk is chunks[0]


@given(FILES)
def test_a_chunk_is_larger_than_the_limit_only_when_its_cluster_is(files: list[FileFacts]) -> None:
    for chunk in plan(files):
        facts = files[chunk.file]
        largest = max(stop - start for start, stop in pairwise(facts.offsets))
        assert chunk.events <= max(MOST, largest)


@given(FILES)
def test_the_first_chunk_is_small(files: list[FileFacts]) -> None:
    chunks = plan(files)
    assert not chunks or chunks[0].events <= SAMPLE_ABOVE


@pytest.mark.parametrize(
    ("files", "sizes"),
    [
        ([_facts()], []),
        ([_facts(2304)], [2304]),
        ([_facts(TINY)], [TINY]),
        ([_facts(12_000)], [3000] * 4),
        ([_facts(100_000)], [20_000] * 5),
        ([_facts(200_000)], [25_000] * 8),
        ([_facts(300_000)], [SAMPLE, 280_000]),
        ([_facts(822_000, 822_000)], [SAMPLE, 802_000, 822_000]),
        ([_facts(5_000), _facts(4_000)], [5_000, 4_000]),
        ([_facts(50_000), _facts(50_000)], [25_000, 25_000] * 2),
        ([_facts(), _facts(10)], [10]),
    ],
)
def test_plans_look_as_they_should(files: list[FileFacts], sizes: list[int]) -> None:
    assert _sizes(files) == sizes


def test_small_clusters_are_merged() -> None:
    many = _facts(*[1_000] * 4_000)
    sizes = _sizes([many])
    assert sizes[0] == SAMPLE
    assert all(LEAST <= size <= MOST for size in sizes[2:-1])
    assert PIECES <= len(sizes) <= PIECES + 2
    huge = _sizes([_facts(*[100_000] * 100)])
    assert max(huge) == MOST


def test_a_chunk_knows_its_events() -> None:
    assert Chunk(0, 5, 12).events == 7
