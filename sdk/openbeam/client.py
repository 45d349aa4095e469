"""``Client``: everything a person can ask Openbeam's service, as plain calls.

>>> from openbeam import Client
>>> with Client() as beam:  # doctest: +SKIP
...     run = beam.submit_run("z_mumu", "cms-2010-zmumu").wait()
...     run.histograms["mass"]
"""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

from openbeam.checks import checked
from openbeam.classes import ClassCalls
from openbeam.credentials import CredentialCalls
from openbeam.datasets import DatasetCalls
from openbeam.endpoints import EndpointCalls
from openbeam.errors import ServiceTrouble
from openbeam.functions import FunctionCalls
from openbeam.hosting import HostCalls
from openbeam.models import MAX_AUDIT_PAGE, AuditEntry, AuditFilter, AuditPage, Quota, User
from openbeam.paging import gather
from openbeam.runs import RunCalls
from openbeam.session import Session
from openbeam.tasks import TaskCalls
from openbeam.tokens import TokenCalls
from openbeam.transport import LIMITS_PATIENCE, Transport

__all__ = ["Client"]

_HEALTH_PAUSE = 0.2


class Client(
    RunCalls, TaskCalls, FunctionCalls, DatasetCalls, EndpointCalls, HostCalls, ClassCalls, TokenCalls, CredentialCalls
):
    """A person's way to one service. What is asked about one thing is in a class of its own: ``RunCalls``, ….

    Parameters
    ----------
    url
        Of the service; else ``OPENBEAM_URL``, else this machine's.
    token
        Who is asking; else ``OPENBEAM_TOKEN``, else who has signed in here (``Client.login()`` or ``openbeam login``),
        else ``~/.config/openbeam/token``, else this machine's operator.
    timeout
        Seconds that an ordinary answer may take.
    patience
        Seconds for which a request is sent again that the service puts off for a limit or a quota, with a warning.

    Every call may raise ``ServiceUnavailable``, ``ServiceFault``, ``NotSignedIn``, ``NotAllowed`` and ``TooMany``
    besides the errors it names itself. A client may be shared by threads. Close it, or use it in a ``with``.

    """

    def __init__(
        self,
        url: str | None = None,
        token: str | Session | None = None,
        timeout: float = 30.0,
        *,
        patience: float = LIMITS_PATIENCE,
    ) -> None:
        self._wire = Transport(url, token, timeout, patience)

    @classmethod
    def login(cls, url: str | None = None, *, device: bool | None = None, admin: bool = False) -> Self:
        """Sign in, keep it for later programs of this account, and return a client.

        A notebook shows a link. Elsewhere the browser opens, or with ``device`` (or where there is none) a code is
        shown that somebody allows in any browser. ``admin`` asks for an administrator's powers too.

        Raises
        ------
        NotSignedIn
            When it was denied, or nobody allowed it in time.

        """
        from openbeam import notebook, signin  # few programs sign in

        by_code = True if device is None and notebook.is_notebook() else device
        return cls(url, signin.sign_in(url, notebook.show, device=by_code, admin=admin))

    def logout(self, *, everywhere: bool = False) -> bool:
        """End the sign-in at this service; False when there was none. Other tokens are left as they are.

        ``everywhere`` ends all of the caller's, of this machine, of others and of portals.

        Raises
        ------
        NotAllowed
            When all are to be ended and the caller is here by a personal token.

        """
        if everywhere:
            self._wire.delete("/grants")
        return Session(self.url).end()

    @property
    def url(self) -> str:
        """URL of the service."""
        return self._wire.url

    @property
    def wire(self) -> Transport:
        """The connection, for what is built upon a client."""
        return self._wire

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def wait_for_service(self, timeout: float = 60.0) -> None:
        """Return once the service is up and well.

        Raises
        ------
        ServiceUnavailable
            When it is not after ``timeout`` seconds.

        """
        end = time.monotonic() + timeout
        while True:
            try:
                health = self._wire.get(dict[str, Any], "/health")
            except ServiceTrouble:
                if time.monotonic() >= end:
                    raise
            else:
                if health.get("status") == "ok":
                    return
                if time.monotonic() >= end:
                    raise self._wire.unavailable()
            time.sleep(_HEALTH_PAUSE)

    def whoami(self) -> User:
        """Return the caller, as the service knows them."""
        return self._wire.get(User, "/whoami")

    def audit(self, limit: int = 100, **filters: Any) -> list[AuditEntry]:
        """Return up to ``limit`` entries of the audit trail, newest first: the caller's, and of their endpoints.

        An administrator sees all. ``filters`` are the fields of ``AuditFilter``: ``actor``, ``action``, ``kind``,
        ``object``, ``endpoint``, ``since``, ``until``.

        Raises
        ------
        InvalidInput
            When there is no such filter, or a moment has no time zone.

        """

        def page(query: dict[str, Any]) -> tuple[list[AuditEntry], int | None]:
            answer = self._wire.get(AuditPage, "/audit", **query)
            return answer.entries, answer.next

        return gather(limit, MAX_AUDIT_PAGE, checked(AuditFilter, **filters), page)

    def quota(self) -> list[Quota]:
        """Return what the caller may have and has, first their own, then what their classes have together."""
        return self._wire.get(list[Quota], "/quota")
