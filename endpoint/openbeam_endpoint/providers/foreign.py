"""What ``config.toml`` may say of Parsl's own providers and launchers: their names, and arguments that they take.

Nothing else is looked up, so no setting makes the agent import code of anybody's choice.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Final

from openbeam.errors import nearest

__all__ = ["LAUNCHERS", "OURS", "PROVIDERS", "check_launcher", "check_provider", "find"]

PROVIDERS: Final = "parsl.providers"
LAUNCHERS: Final = "parsl.launchers"

OURS: Final = {
    **{key: f"{key} in [provider]" for key in ("init_blocks", "min_blocks", "max_blocks", "nodes_per_block")},
    "worker_init": "worker_init in [provider]",
    "launcher": "launcher in [provider]",
}
"""Arguments of providers that have a setting of ours, and where that is."""


def find(module: str, name: str) -> type:
    """Return a class that one of these modules offers by name.

    Raises
    ------
    ValueError
        When it offers none of that name.

    """
    # Parsl takes a second to import, and only endpoints with such a provider need it here.
    place = import_module(module)
    if name not in place.__all__:
        raise ValueError(f"there is no {name} in {module}.{_meant(name, place.__all__)}")
    found: type = getattr(place, name)
    return found


def check_provider(name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` unless Parsl has this provider and it can be called with these arguments."""
    provider = find(PROVIDERS, name)
    for key in arguments.keys() & OURS.keys():
        raise ValueError(f"arguments: {key} has a setting of its own: {OURS[key]}")
    _check_call(name, provider, arguments)


def check_launcher(provider: str, name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` unless Parsl has this launcher, its arguments are right, and the provider takes one."""
    if "launcher" not in _parameters(find(PROVIDERS, provider)):
        raise ValueError(f"{provider} takes no launcher")
    _check_call(name, find(LAUNCHERS, name), arguments)


def _parameters(function: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(function).parameters


def _check_call(name: str, function: type, arguments: Mapping[str, Any]) -> None:
    import typeguard

    known = _parameters(function)
    for key in arguments:
        if key not in known:
            raise ValueError(f"{name} takes no argument {key}.{_meant(key, known)}")
    for key, parameter in known.items():
        if parameter.default is parameter.empty and key not in arguments:
            raise ValueError(f"{name} needs the argument {key}")
        if key in arguments and parameter.annotation is not parameter.empty:
            try:
                typeguard.check_type(arguments[key], parameter.annotation)
            except typeguard.TypeCheckError:
                kind = inspect.formatannotation(parameter.annotation)
                raise ValueError(f"{name}: {key} has to be {kind}, not {arguments[key]!r}") from None


def _meant(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f" Did you mean {' or '.join(close)}?" if close else ""
