"""Take an endpoint away from this machine."""

from __future__ import annotations

import shutil

from openbeam.errors import Conflict

from openbeam_endpoint.folder import Folder

__all__ = ["remove"]


def remove(folder: Folder) -> None:
    """Remove an endpoint's folder. The key goes first: what is left by a failure can sign in nowhere.

    Raises
    ------
    Conflict
        When its agent runs. ``details``: ``pid``.

    """
    try:
        with folder.alone():
            folder.key_path.unlink(missing_ok=True)
            shutil.rmtree(folder.path)
    except Conflict as error:
        raise Conflict(f"{error} Stop it first: openbeam-endpoint stop {folder.name}", **error.details) from None
    except OSError as error:
        raise Conflict(f"{error.filename} cannot be removed: {error.strerror}.", path=str(error.filename)) from None
