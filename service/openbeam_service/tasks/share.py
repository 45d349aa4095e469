"""Fair shares: who waits at an endpoint stands in a line of their own, and the lines take turns.

The queue that agents wait on (RQ's list) holds one task, so that whoever waits is woken; all others stand in lines, one
a person. The next task is from the line of whoever has used the endpoint least: a little is charged for each task when
it goes out, and the seconds that it took when it has ended. Who comes, or comes back, starts level with the least of
those who wait: nobody saves up, and what somebody has just used is remembered for a while.

Each step is one script, so a task is always in exactly one place. What goes to the front overtakes all lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

__all__ = ["Shares"]

READY: Final = 1
"""Tasks that wait outside the lines."""
LEAST: Final = 0.02
"""Seconds that a task costs at least."""
REMEMBERED_SECONDS: Final = 3600
"""How long what somebody has used counts after they stopped waiting."""

_LUA: Final = """
local ready, transit, lines, used, line = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function leave(who)
  redis.call('zadd', used, redis.call('zscore', lines, who), who)
  redis.call('expire', used, REMEMBERED)
  redis.call('zrem', lines, who)
end

local function fill(target)
  while redis.call('llen', ready) < target do
    local who = redis.call('zrange', lines, 0, 0)[1]
    if not who then return end
    local task = redis.call('lpop', line .. who)
    if task then
      redis.call('rpush', ready, task)
      redis.call('zincrby', lines, LEAST, who)
    end
    if redis.call('llen', line .. who) == 0 then leave(who) end
  end
end
"""
_JOIN: Final = """
local who = ARGV[1]
if not redis.call('zscore', lines, who) then
  local least = redis.call('zrange', lines, 0, 0, 'withscores')[2] or 0
  redis.call('zadd', lines, math.max(tonumber(redis.call('zscore', used, who) or 0), tonumber(least)), who)
end
fill(READY)
"""
_TAKE: Final = """
local want, taken = tonumber(ARGV[1]), {}
fill(want)
while #taken < want do
  local task = redis.call('lmove', ready, transit, 'left', 'right')
  if not task then break end
  taken[#taken + 1] = task
end
fill(READY)
return taken
"""
_CHARGE: Final = """
for index = 1, #ARGV, 2 do
  local place = redis.call('zscore', lines, ARGV[index]) and lines or used
  redis.call('zincrby', place, ARGV[index + 1], ARGV[index])
end
redis.call('expire', used, REMEMBERED)
"""
_ALL: Final = """
local found = redis.call('lrange', ready, 0, -1)
for _, task in ipairs(redis.call('lrange', transit, 0, -1)) do found[#found + 1] = task end
for _, who in ipairs(redis.call('zrange', lines, 0, -1)) do
  for _, task in ipairs(redis.call('lrange', line .. who, 0, -1)) do found[#found + 1] = task end
end
return found
"""
_COUNT: Final = """
local count = redis.call('llen', ready)
for _, who in ipairs(redis.call('zrange', lines, 0, -1)) do count = count + redis.call('llen', line .. who) end
return count
"""
_REMOVE: Final = """
local gone = {}
for _, task in ipairs(ARGV) do gone[task] = true end

local function sift(list)
  local kept = {}
  local all = redis.call('lrange', list, 0, -1)
  for _, task in ipairs(all) do
    if not gone[task] then kept[#kept + 1] = task end
  end
  if #kept == #all then return end
  redis.call('del', list)
  for index = 1, #kept, 1000 do
    redis.call('rpush', list, unpack(kept, index, math.min(index + 999, #kept)))
  end
end

sift(ready)
sift(transit)
for _, who in ipairs(redis.call('zrange', lines, 0, -1)) do
  sift(line .. who)
  if redis.call('llen', line .. who) == 0 then leave(who) end
end
fill(READY)
"""
"""One pass over each line, however many tasks go: ``lrem`` would take one for each."""
_AHEAD: Final = """
local who, task = ARGV[1], ARGV[2]
local place = redis.call('lpos', ready, task)
if place then return place end
local mine = redis.call('lpos', line .. who, task)
if not mine then return -1 end
local ahead = redis.call('llen', ready) + mine
for _, other in ipairs(redis.call('zrange', lines, 0, -1)) do
  if other ~= who then ahead = ahead + math.min(mine + 1, redis.call('llen', line .. other)) end
end
return ahead
"""
_NUMBERS: Final = {"REMEMBERED": REMEMBERED_SECONDS, "LEAST": LEAST, "READY": READY}


def _script(body: str) -> str:
    text = _LUA + body
    for name, number in _NUMBERS.items():
        text = text.replace(name, str(number))
    return text


class Shares:
    """The lines of all endpoints. Methods that are not ``async`` block; ``pipe`` adds the step to a transaction."""

    def __init__(self, connection: Redis, blocking: AsyncRedis) -> None:
        self._join = connection.register_script(_script(_JOIN))
        self._charge = connection.register_script(_script(_CHARGE))
        self._all = connection.register_script(_script(_ALL))
        self._count = connection.register_script(_script(_COUNT))
        self._remove = connection.register_script(_script(_REMOVE))
        self._ahead = connection.register_script(_script(_AHEAD))
        self._fill = connection.register_script(_script("fill(READY)"))
        self._take = blocking.register_script(_script(_TAKE))

    @staticmethod
    def line(endpoint_id: str, who: str) -> str:
        """Return the key of somebody's line."""
        return f"openbeam:line:{endpoint_id}:{who}"

    def join(self, queue: Any, who: str, pipe: Any) -> None:
        """Let a line take part that tasks were just added to."""
        self._join(_keys(queue), [who], client=pipe)

    def fill(self, queue: Any) -> None:
        """Put a task where agents wait for one, if a line has one."""
        self._fill(_keys(queue))

    async def take(self, queue: Any, want: int) -> list[bytes]:
        """Move up to ``want`` tasks into transit, in turns."""
        return list(await self._take(_keys(queue), [want]))

    def charge(self, queue: Any, used: Mapping[str, float]) -> None:
        """Note how many seconds people have used."""
        if used:
            self._charge(_keys(queue), [word for who, seconds in used.items() for word in (who, f"{seconds:.6f}")])

    def all(self, queue: Any, pipe: Any) -> None:
        """Ask for the ids of all tasks that are queued or in transit."""
        self._all(_keys(queue), client=pipe)

    def count(self, queue: Any) -> int:
        """Return how many tasks wait."""
        return int(self._count(_keys(queue)))

    def remove(self, queue: Any, task_ids: Sequence[str]) -> None:
        """Take tasks out that nobody wants any more."""
        self._remove(_keys(queue), task_ids)

    def ahead(self, queue: Any, who: str, task_id: str) -> int | None:
        """Return how many tasks go out before this one when the lines take turns evenly; None when it waits nowhere."""
        found = int(self._ahead(_keys(queue), [who, task_id]))
        return None if found < 0 else found


def _keys(queue: Any) -> list[str]:
    name = queue.name
    lines, used = f"openbeam:lines:{name}", f"openbeam:used:{name}"
    return [queue.key, queue.intermediate_queue_key, lines, used, Shares.line(name, "")]
