"""One session a request: committed when the route returns, rolled back when it raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["Db", "session"]


def session(request: Request) -> Iterator[Session]:
    """Yield the session of this request."""
    sessions: sessionmaker[Session] = request.app.state.sessions
    with sessions() as opened:
        yield opened
        opened.commit()


# Scope "function": the commit comes before the answer is sent, so that who got the answer can read what they wrote.
Db = Annotated[Session, Depends(session, scope="function")]
