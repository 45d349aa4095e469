"""Whether an endpoint may, and can, run a function: asked when a task is submitted, and again when it is leased.

Who may use an endpoint at all is ``access.usable_endpoints``. Its agent has an allow-list of its own besides.
"""

from __future__ import annotations

from collections.abc import Sequence

from openbeam.errors import NotAllowed
from openbeam.models import CodeFormat, Isolation

from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.registry.models import FunctionRow

__all__ = ["check_function", "reasons", "why_not"]


def why_not(endpoint: EndpointRow, function: FunctionRow) -> str | None:
    """Return why an endpoint does not run a function; None when it does."""
    status = endpoint.status or {}
    return next(
        filter(
            None,
            (
                _unguarded(endpoint, function, status),
                _not_listed(endpoint, function),
                _changed(endpoint, status),
                _elsewhere(endpoint, function, status),
                _other_python(endpoint, function, status.get("python")),
            ),
        ),
        None,
    )


def check_function(endpoint: EndpointRow, function: FunctionRow) -> None:
    """Refuse to send a function where it does not run.

    Raises
    ------
    NotAllowed
        Says why.

    """
    if reason := why_not(endpoint, function):
        raise NotAllowed(f"{reason} Choose another endpoint.", endpoint=endpoint.name)


def _unguarded(endpoint: EndpointRow, function: FunctionRow, status: dict[str, object]) -> str | None:
    # A site without walls that has a list looks at the code itself, and runs what its owner has put on it.
    is_open = status.get("isolation") == Isolation.none and not status.get("listed")
    if is_open and endpoint.owner_id != function.owner_id:
        return f"Endpoint {endpoint.name!r} has no isolation, so it runs only its owner's functions."
    return None


def _not_listed(endpoint: EndpointRow, function: FunctionRow) -> str | None:
    name = f"{function.owner.name}/{function.name}"
    known = {name, f"{name}@{function.version}", function.id, function.sha256}
    if endpoint.allowed_functions and known.isdisjoint(endpoint.allowed_functions):
        return f"Endpoint {endpoint.name!r} runs only the functions on its list, and {name} is not one of them."
    return None


def _changed(endpoint: EndpointRow, status: dict[str, object]) -> str | None:
    if endpoint.allowed_environments and status and _names(status).isdisjoint(endpoint.allowed_environments):
        return f"Endpoint {endpoint.name!r} has another environment than its owner allows."
    return None


def _elsewhere(endpoint: EndpointRow, function: FunctionRow, status: dict[str, object]) -> str | None:
    if function.environment is not None and function.environment not in _names(status):
        return f"{function.ref} needs the environment {function.environment!r}, which {endpoint.name!r} does not have."
    return None


def _other_python(endpoint: EndpointRow, function: FunctionRow, python: str | None) -> str | None:
    if function.format is CodeFormat.pickle and python and python != function.python:
        return (
            f"{function.ref} was pickled by Python {function.python}, and endpoint {endpoint.name!r} has {python}. "
            "Register it again with that Python, or as source text."
        )
    return None


def _names(status: dict[str, object]) -> set[object]:
    return {status.get("environment"), status.get("environment_name")} - {None}


def reasons(endpoints: Sequence[EndpointRow], function: FunctionRow) -> list[str]:
    """Return why each of some endpoints does not run a function, every reason once."""
    return list(dict.fromkeys(reason for row in endpoints if (reason := why_not(row, function))))
