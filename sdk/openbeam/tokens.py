"""The part of ``Client`` that is about personal tokens."""

from __future__ import annotations

from collections.abc import Iterable

from openbeam.checks import checked
from openbeam.errors import UnknownToken
from openbeam.models import NewToken, PersonalToken, TokenSpec
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["TokenCalls"]


class TokenCalls:
    """Calls about personal tokens: for programs that cannot sign in.

    Who is here by a personal token sees and may revoke that one alone, and makes none.
    """

    _wire: Transport

    def tokens(self) -> list[PersonalToken]:
        """Return the caller's personal tokens, newest first."""
        return self._wire.get(list[PersonalToken], "/tokens")

    def make_token(self, name: str, scopes: Iterable[str] | None = None, days: int | None = None) -> NewToken:
        """Make a personal token, by default with all that the caller may do; its ``token`` is shown this once.

        Raises
        ------
        NotAllowed
            When it would do more than the caller may, or the caller is here by a personal token.
        Conflict
            When the caller has too many.

        """
        spec = checked(TokenSpec, name=name, scopes=None if scopes is None else list(scopes), days=days)
        return self._wire.post(NewToken, "/tokens", spec)

    def revoke_token(self, token: str | PersonalToken) -> None:
        """Make a personal token worthless at once.

        Raises
        ------
        UnknownToken
            When the caller has none with this id.

        """
        token_id = token if isinstance(token, str) else token.id
        self._wire.delete(f"/tokens/{segment(token_id, UnknownToken)}")
