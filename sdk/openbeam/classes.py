"""The part of ``Client`` that is about classes."""

from __future__ import annotations

from openbeam.checks import checked
from openbeam.errors import UnknownClass, UnknownUser
from openbeam.models import (
    Class,
    ClassChange,
    ClassCode,
    ClassJoin,
    ClassRole,
    ClassSpec,
    Member,
    MemberChange,
    ReturnKey,
)
from openbeam.paths import segment
from openbeam.transport import Transport

__all__ = ["ClassCalls"]

_PAGE = 500


def _path(ref: str | Class) -> str:
    return f"/classes/{segment(ref if isinstance(ref, str) else ref.id, UnknownClass)}"


def _member(ref: str | Class, who: str | Member) -> str:
    user_id = who if isinstance(who, str) else who.user_id
    return f"{_path(ref)}/members/{segment(user_id, UnknownUser)}"


class ClassCalls:
    """Calls about classes. A class is named by its name or id, somebody in it by their id.

    Every call that names a class may raise ``UnknownClass``, with the nearest names, and ``NotAllowed`` where it is for
    the teachers of the class.
    """

    _wire: Transport

    def classes(self) -> list[Class]:
        """Return the classes that the caller is in; all, for an administrator."""
        found: list[Class] = []
        while True:
            page = self._wire.get(list[Class], "/classes", limit=_PAGE, offset=len(found))
            found += page
            if len(page) < _PAGE:
                return found

    def get_class(self, ref: str) -> Class:
        """Return a class; its teachers see the join code."""
        return self._wire.get(Class, _path(ref))

    def make_class(self, name: str, *, title: str = "", code_days: int = 30) -> Class:
        """Make a class with a join code that lasts ``code_days``.

        Raises
        ------
        Conflict
            When the caller has a class of this name.

        """
        return self._wire.post(Class, "/classes", checked(ClassSpec, name=name, title=title, code_days=code_days))

    def join_class(self, code: str) -> Class:
        """Join a class with its code; capitals, spaces and hyphens do not matter.

        Raises
        ------
        UnknownClass
            When the code is wrong, or does not work any more.

        """
        return self._wire.post(Class, "/classes/join", checked(ClassJoin, code=code))

    def change_class(
        self,
        ref: str | Class,
        *,
        name: str | None = None,
        title: str | None = None,
        open: bool | None = None,  # noqa: A002  the word of the model
    ) -> Class:
        """Rename, open or close a class. Closing it closes its pupils' accounts until it is opened again."""
        return self._wire.patch(Class, _path(ref), checked(ClassChange, name=name, title=title, open=open))

    def delete_class(self, ref: str | Class) -> None:
        """Delete a class. Its pupils' accounts are closed and their nicknames forgotten."""
        self._wire.delete(_path(ref))

    def new_join_code(self, ref: str | Class, *, days: int = 30) -> Class:
        """Give a class a new join code; the old one stops working."""
        return self._wire.post(Class, f"{_path(ref)}/code", checked(ClassCode, days=days))

    def close_joining(self, ref: str | Class) -> None:
        """Take a class's join code away; who is in it stays."""
        self._wire.delete(f"{_path(ref)}/code")

    def members(self, ref: str | Class) -> list[Member]:
        """Return everybody in a class, teachers first."""
        return self._wire.get(list[Member], f"{_path(ref)}/members")

    def change_member(self, ref: str | Class, who: str | Member, role: ClassRole | str) -> Member:
        """Make somebody a ``teacher`` of the class, or a plain ``member``."""
        return self._wire.patch(Member, _member(ref, who), checked(MemberChange, role=role))

    def remove_member(self, ref: str | Class, who: str | Member) -> None:
        """Take somebody out of a class. A pupil's account is closed."""
        self._wire.delete(_member(ref, who))

    def new_return_key(self, ref: str | Class, who: str | Member) -> str:
        """Return a new key for a pupil who has lost theirs; the old one stops working."""
        return self._wire.post(ReturnKey, f"{_member(ref, who)}/key", {}).key
