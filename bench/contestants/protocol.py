"""How the driver speaks to a contestant: a word and a number a line, seconds as JSON back.

``one N``: the seconds of each of N calls, made one after the other. ``many N``: the seconds of N calls at once.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any


def double(x: int) -> int:
    return 2 * x


def serve(one: Callable[[int], Any], **many: Callable[[list[int]], Iterable[Any]]) -> None:
    """Answer the driver until it hangs up. Every answer is checked: who returns nothing is not fast."""
    for _ in range(5):
        assert one(21) == 42
    for name, call in many.items():
        assert list(call(list(range(50)))) == [2 * x for x in range(50)], name
    print("ready", flush=True)
    for line in sys.stdin:
        word, number = line.split()
        print(json.dumps(_times(one, int(number)) if word == "one" else _time(many[word], int(number))), flush=True)


def _times(one: Callable[[int], Any], number: int) -> list[float]:
    found = []
    for x in range(number):
        began = time.perf_counter()
        answer = one(x)
        found.append(time.perf_counter() - began)
        assert answer == 2 * x
    return found


def _time(many: Callable[[list[int]], Iterable[Any]], number: int) -> float:
    began = time.perf_counter()
    answers = list(many(list(range(number))))
    seconds = time.perf_counter() - began
    assert answers == [2 * x for x in range(number)]
    return seconds
