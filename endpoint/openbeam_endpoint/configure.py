"""Make an endpoint known: its folder, its key, its settings, and its registration with the service."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from openbeam.home import Home
from openbeam.models import Endpoint, EndpointSpec, Visibility

from openbeam_endpoint import config as settings
from openbeam_endpoint.config import Config
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.identity import Identity, load_key, make_key, public_jwk

__all__ = ["configure"]

_PRIVATE: Final = 0o700
_SERVICE_SECONDS: Final = 60.0
_ASKED: Final = (
    "An administrator has to approve that everybody sees {name}; until then it is yours alone. See how that stands: "
    "openbeam endpoints show {name}"
)


def configure(home: Home, name: str, given: Mapping[str, Any], tell: Callable[[str], None]) -> Folder:
    """Return the folder of the endpoint, registered for whoever the caller's token says.

    ``given`` are settings to write; those of an endpoint that was configured before stay, and so does its key. The
    service is waited for up to a minute. ``tell`` gets what its owner should know besides.

    Raises
    ------
    InvalidInput
        When a setting is wrong.
    ServiceUnavailable, NotSignedIn, NotAllowed
        When the service does not answer, or does not let the caller register an endpoint.

    """
    folder = Folder(home.endpoint(name))
    # An endpoint works for the service that it is registered with, also when the variable is not set any more.
    here = {"url": url} if (url := os.environ.get(settings.ENVIRONMENT["url"])) else {}
    kept = settings.load(folder.config_path, with_environment=False) if folder.config_path.exists() else None
    before = kept.model_dump() if kept else {}
    merged = (
        {**given, "provider": _merged(before.get("provider", {}), given["provider"])} if "provider" in given else given
    )
    config = settings.make({**before, "name": name, **here, **merged})
    folder.path.mkdir(mode=_PRIVATE, parents=True, exist_ok=True)
    folder.path.chmod(_PRIVATE)
    if kept is None:
        settings.write(folder.config_path, config)
    elif changed := {key: value for key, value in config if value != getattr(kept, key)}:
        settings.change(folder.config_path, changed)
    key = load_key(folder.key_path) if folder.key_path.exists() else make_key(folder.key_path)
    visibility = _visibility(config, given, is_known=folder.identity_path.exists())
    endpoint = _register(folder, config, public_jwk(key), visibility)
    if visibility == "public" and endpoint.visibility is not Visibility.public:
        tell(_ASKED.format(name=name))
    return folder


def _merged(before: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a provider's settings: those that it had before stay when it is of the same kind."""
    stay = given.get("kind", before.get("kind")) == before.get("kind")
    return {**(before if stay else {}), **given}


def _visibility(config: Config, given: Mapping[str, Any], *, is_known: bool) -> Literal["private", "public"] | None:
    """Return what to ask for; None leaves an endpoint that is known as its owner has shared it meanwhile."""
    if is_known and "public" not in given:
        return None
    return "public" if config.public else "private"


def _register(
    folder: Folder, config: Config, key: dict[str, str], visibility: Literal["private", "public"] | None
) -> Endpoint:
    # The client is needed for this alone; an agent that is known to the service starts without it.
    from openbeam.client import Client

    spec = EndpointSpec(name=config.name, key=key, description=config.description, visibility=visibility)
    with Client(url=config.url) as client:
        client.wait_for_service(_SERVICE_SECONDS)
        owner = client.whoami()
        endpoint = client.register_endpoint(spec)
    Identity(endpoint_id=endpoint.id, url=config.url, owner=owner.name, owner_id=owner.id).save(folder.identity_path)
    return endpoint
