"""Take an endpoint away: from the service, and from this machine."""

from __future__ import annotations

import shutil
from contextlib import suppress

from openbeam.errors import Conflict, InvalidInput, NotKnown, OpenbeamError

from openbeam_endpoint.folder import Folder

__all__ = ["remove"]


def remove(folder: Folder, *, local: bool = False) -> None:
    """Take the endpoint away at the service, then remove its folder; with ``local``, its folder alone.

    The key goes before the rest of the folder: what is left by a failure can sign in nowhere.

    Raises
    ------
    Conflict
        When its agent runs (``details``: ``pid``), or something of it cannot be removed (``details``: ``path``).
    OpenbeamError
        When the service cannot be asked or says no; then nothing is removed.

    """
    with folder.alone():
        if not local:
            _take_away(folder)
        for place in _places(folder):
            _clear(place)


def _places(folder: Folder) -> list[Folder]:
    """Return all that is the endpoint's, its own folder last. Damaged settings name no other."""
    with suppress(InvalidInput):
        other = folder.place(folder.config())
        if other != folder and other.path.exists():
            return [other, folder]
    return [folder]


def _clear(folder: Folder) -> None:
    try:
        for secret in (folder.key_path, folder.sealing_key_path):
            secret.unlink(missing_ok=True)
        shutil.rmtree(folder.path)
    except OSError as error:
        raise Conflict(f"{error.filename} cannot be removed: {error.strerror}.", path=str(error.filename)) from None


def _take_away(folder: Folder) -> None:
    from openbeam.client import Client

    identity = folder.identity()
    try:
        with Client(url=identity.url) as client:
            client.delete_endpoint(identity.endpoint_id)
    except NotKnown:
        return  # it is gone already
    except OpenbeamError as error:
        here = f"To remove it from this machine alone: openbeam-endpoint delete {folder.name} --local"
        raise type(error)(f"{error.message} {here}", **error.details) from None
