"""The service of the bare route: FastAPI, a table in SQLite and RQ's queue. Nobody is known, and nothing is checked.

Started with a port, a folder and the queue's address.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse
from openbeam_service.database import make_engine, make_sessions
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from rq import Queue
from rq.executions import Execution
from rq.job import Job
from sqlalchemy import JSON, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, sessionmaker
from starlette.concurrency import run_in_threadpool

AT_ONCE: Final = 32
LEASE_SECONDS: Final = 60
Values = dict[str, Any]
"""By the id of a task: its argument, or its result."""


class Base(DeclarativeBase):
    """What is kept."""


class TaskRow(Base):
    """A task."""

    __tablename__ = "tasks"

    id: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="queued")
    argument: Mapped[Any] = mapped_column(JSON)
    value: Mapped[Any] = mapped_column(JSON, nullable=True)


class Site:
    """Database, queue and followers."""

    def __init__(self, folder: Path, valkey: str) -> None:
        engine = make_engine(f"sqlite:///{folder / 'tasks.db'}")
        Base.metadata.create_all(engine)
        self.sessions: sessionmaker[Session] = make_sessions(engine)
        self.connection = Redis.from_url(valkey)
        self.queue = Queue("bare", connection=self.connection)
        self.blocking = AsyncRedis.from_url(valkey, socket_timeout=None)
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Queue[Values] = asyncio.Queue()

    def submit(self, arguments: Values) -> None:
        """Keep tasks, and put them into the queue."""
        with self.sessions() as db:
            db.execute(insert(TaskRow), [{"id": one, "argument": given} for one, given in arguments.items()])
            db.commit()
        self.queue.enqueue_many([Queue.prepare_data("call", job_id=task_id) for task_id in arguments])

    async def wait(self) -> list[str]:
        """Take tasks out of the queue as soon as there is one."""
        source, target = self.queue.key, self.queue.intermediate_queue_key
        taken = [await self.blocking.blmove(source, target, 0)]
        while len(taken) < AT_ONCE and (task_id := await self.blocking.lmove(source, target)):
            taken.append(task_id)
        return [task_id.decode() for task_id in taken]

    def lend(self, ids: list[str]) -> Values:
        """Turn tasks that were taken into leases."""
        with self.connection.pipeline() as pipe:
            for job in Job.fetch_many(ids, connection=self.connection):
                pipe.lrem(self.queue.intermediate_queue_key, 1, job.id)
                Execution.create(job, LEASE_SECONDS, pipeline=pipe)
                job.prepare_for_execution("agent", pipeline=pipe)
            pipe.execute()
        with self.sessions() as db:
            rows = db.scalars(select(TaskRow).where(TaskRow.id.in_(ids))).all()
            for row in rows:
                row.state = "leased"
            db.commit()
            return {row.id: row.argument for row in rows}

    def settle(self, values: Values) -> None:
        """Keep results, and tell who waits for them."""
        with self.sessions() as db:
            for row in db.scalars(select(TaskRow).where(TaskRow.id.in_(values))):
                row.state, row.value = "success", values[row.id]
            db.commit()
        self.loop.call_soon_threadsafe(self.ended.put_nowait, values)
        with self.connection.pipeline() as pipe:
            for task_id in values:
                pipe.delete(Job.key_for(task_id))
            pipe.execute()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.site = Site(Path(sys.argv[2]), sys.argv[3])
    yield


app = FastAPI(lifespan=lifespan)


@app.post("/tasks")
def submit(request: Request, arguments: Values) -> int:
    request.app.state.site.submit(arguments)
    return len(arguments)


@app.post("/lease")
async def lease(request: Request) -> Values:
    site: Site = request.app.state.site
    return await run_in_threadpool(site.lend, await site.wait())


@app.post("/results")
def results(request: Request, values: Values) -> int:
    request.app.state.site.settle(values)
    return len(values)


@app.get("/events")
async def events(request: Request) -> StreamingResponse:
    site: Site = request.app.state.site

    async def lines() -> AsyncIterator[str]:
        while True:
            yield json.dumps(await site.ended.get()) + "\n"

    return StreamingResponse(lines())


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)  # as Openbeam's service does
    uvicorn.run(app, port=int(sys.argv[1]), access_log=False, log_level="critical", timeout_graceful_shutdown=1)
