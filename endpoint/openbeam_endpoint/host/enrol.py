"""Make a host known: its folder, its key, its settings, and its enrolment by an administrator; and take it away."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from typing import Any, Final

from openbeam.errors import NotKnown, OpenbeamError
from openbeam.home import Home
from openbeam.models import HostSpec

from openbeam_endpoint import config as settings
from openbeam_endpoint.host.config import ENVIRONMENT, HostConfig
from openbeam_endpoint.host.folder import HostFolder, HostIdentity, folder_of
from openbeam_endpoint.identity import load_key, make_key, public_jwk

__all__ = ["enrol", "forget"]

_PRIVATE: Final = 0o700
_SERVICE_SECONDS: Final = 60.0


def enrol(home: Home, name: str, given: Mapping[str, Any]) -> HostFolder:
    """Return the folder of the host, enrolled by the caller, who has to be an administrator.

    ``given`` are settings to write; those of a host that was enrolled before stay, and so does its key.

    Raises
    ------
    InvalidInput
        When a setting is wrong.
    ServiceUnavailable, NotSignedIn, NotAllowed
        When the service does not answer, or does not let the caller enrol a host.

    """
    from openbeam.client import Client  # an agent that is known to the service starts without it

    folder = folder_of(home, name)
    kept = settings.loaded(HostConfig, folder.config_path, {}) if folder.config_path.exists() else None
    here = {"url": url} if (url := os.environ.get(ENVIRONMENT["url"])) else {}
    config = settings.made(HostConfig, {**(kept.model_dump() if kept else {}), "name": name, **here, **given})
    folder.path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    folder.path.chmod(_PRIVATE)
    if kept is None:
        folder.config_path.write_text(settings.as_file(config, f"the host {name}"), encoding="utf-8")
    elif changed := {key: value for key, value in config if value != getattr(kept, key)}:
        settings.change(folder.config_path, changed)
    key = load_key(folder.key_path) if folder.key_path.exists() else make_key(folder.key_path)
    with Client(url=config.url) as client:
        client.wait_for_service(_SERVICE_SECONDS)
        host = client.enrol_host(HostSpec(name=name, key=public_jwk(key)))
    identity = HostIdentity(host_id=host.id, url=config.url)
    folder.identity_path.write_text(identity.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder


def forget(folder: HostFolder, *, local: bool) -> None:
    """Take all that the host's agent has made from this machine, then the host from the service and its folder.

    Raises
    ------
    Conflict
        When its agent runs, or the service has endpoints for it still.
    OpenbeamError
        When the service cannot be asked, or Docker; then the folder is left.

    """
    from openbeam_endpoint.host.hands import Hands

    with folder.alone():
        if not local:
            _take_away(folder)
        Hands(folder.config(), folder.identity().host_id).clear_all()
        folder.key_path.unlink(missing_ok=True)
        shutil.rmtree(folder.path)


def _take_away(folder: HostFolder) -> None:
    from openbeam.client import Client

    identity = folder.identity()
    try:
        with Client(url=identity.url) as client:
            client.delete_host(identity.host_id)
    except NotKnown:
        return
    except OpenbeamError as error:
        here = f"To clear this machine alone: openbeam-endpoint host leave {folder.name} --local"
        raise type(error)(f"{error.message} {here}", **error.details) from None
