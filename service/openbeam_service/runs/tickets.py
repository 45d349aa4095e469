"""Tickets: addresses by which a browser may follow one run, for some hours, without a token."""

from __future__ import annotations

from typing import Final

from itsdangerous import BadData, URLSafeTimedSerializer
from openbeam.errors import NotSignedIn

__all__ = ["Tickets"]

HOURS: Final = 12


class Tickets:
    """Makes tickets and checks them."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="openbeam-run-events")

    def make(self, run_id: str) -> str:
        """Return a ticket for one run."""
        return self._serializer.dumps(run_id)

    def check(self, ticket: str, run_id: str) -> None:
        """Check that a ticket is for this run.

        Raises
        ------
        NotSignedIn
            When it is for another one, too old, or not one of ours.

        """
        try:
            found = self._serializer.loads(ticket, max_age=HOURS * 3600)
        except BadData:
            found = None
        if found != run_id:
            raise NotSignedIn("This address has expired. Open the run's page again.")
