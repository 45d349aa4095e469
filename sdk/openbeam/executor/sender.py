"""Calls go out in batches: whatever has gathered while the last batch was on its way is the next one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

from openbeam.checks import error_of
from openbeam.errors import CallsRefused, Conflict, OpenbeamError, ServiceTrouble, TooMany
from openbeam.executor.board import Board
from openbeam.executor.future import TaskFuture
from openbeam.models import TaskBatchReply
from openbeam.patience import pauses
from openbeam.transport import Transport

__all__ = ["send_all"]

_MOST_BYTES: Final = 8 * 1024 * 1024
_LONGEST_PAUSE: Final = 5.0


def send_all(board: Board, wire: Transport, group: str, most: int, patience: float) -> None:
    """Send calls until the board is closed and empty. Runs in a thread of its own."""
    place = 0
    while batch := board.take(most, _MOST_BYTES):
        place += _Batch(board, wire, group, place, batch).send(patience)


class _Batch:
    """One batch. It has a place in its group, so sending it twice makes it no second time."""

    def __init__(self, board: Board, wire: Transport, group: str, place: int, futures: list[TaskFuture]) -> None:
        self._board = board
        self._wire = wire
        self._group = group
        self._place = place
        self._futures = futures
        self._most = len(futures)

    def send(self, patience: float) -> int:
        """Send it, in parts when there is no room for all, through a service that is away; return how many went out."""
        waits, sent = pauses(patience), 0
        while self._futures:
            part = self._futures[: self._most]
            try:
                ids = self._wire.post(TaskBatchReply, "/tasks/batch", self._body(part), patient=False).ids
            except CallsRefused as error:
                self._drop(error)
            except TooMany as error:
                # There is room again when others of our own tasks have ended.
                waits = pauses(patience)
                self._make_do(error)
            except (ServiceTrouble, Conflict) as error:
                self._wait(waits, error)
            except OpenbeamError as error:
                self._refuse_all(error)
            else:
                self._board.sent(part, ids)
                self._futures = self._futures[len(part) :]
                self._place += len(part)
                sent += len(part)
        return sent

    def _body(self, part: list[TaskFuture]) -> bytes:
        head = f'{{"group":"{self._group}","first":{self._place},"calls":['.encode()
        return head + b",".join(future.call for future in part) + b"]}"

    def _make_do(self, error: TooMany) -> None:
        room = int(error.details.get("room", 0))
        if error.details.get("quota") == "cpu_seconds" or "retry_after" not in error.details:
            # Nothing that we wait for frees it.
            self._refuse_all(error)
        elif 0 < room < self._most:
            self._most = room
        else:
            time.sleep(min(float(error.details["retry_after"]), _LONGEST_PAUSE))

    def _drop(self, error: CallsRefused) -> None:
        """End the calls that cannot be run; the others go out again."""
        refused = {call["index"]: call["error"] for call in error.details.get("calls", [])}
        if not refused:
            self._refuse_all(error)
        for index, said in refused.items():
            self._board.refused(self._futures[index], error_of(said["kind"], said["message"], said.get("details")))
        self._futures = [future for index, future in enumerate(self._futures) if index not in refused]

    def _wait(self, waits: Iterator[float], error: OpenbeamError) -> None:
        pause = next(waits, None)
        if pause is None:
            self._refuse_all(error)
        else:
            time.sleep(pause)

    def _refuse_all(self, error: OpenbeamError) -> None:
        for future in self._futures:
            self._board.refused(future, error)
        self._futures = []
