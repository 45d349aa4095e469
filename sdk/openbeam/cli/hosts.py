"""Commands about hosts and the endpoints that administrators manage on them."""

from __future__ import annotations

import re
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from openbeam.cli.screen import plain, rows
from openbeam.client import Client
from openbeam.models import Host, ManagedEndpoint

__all__ = ["app"]

app = typer.Typer(help="Run endpoints on hosts, and see how they are; for administrators.", invoke_without_command=True)

HostRef = Annotated[str, typer.Argument(metavar="HOST", help="Name or id.")]
Ref = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Name or id.")]
Image = Annotated[str | None, typer.Option(metavar="IMAGE", help="What its engines have installed.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Tasks at once in an engine, and its cores.")]
Memory = Annotated[str | None, typer.Option(metavar="SIZE", help="Of an engine: 4G, 800M.")]
Engines = Annotated[int | None, typer.Option(min=1, help="Authors whose code may run at once.")]
Environment = Annotated[str | None, typer.Option(metavar="NAME", help="What to call what is installed.")]
Wait = Annotated[float, typer.Option(metavar="SECONDS", min=0, help="Wait until the host has done so.")]

_SIZE = re.compile(r"(\d+(?:\.\d+)?)([KMGT]?)(?:i?B)?", re.IGNORECASE)
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    found = _SIZE.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r}: write a size such as 4G or 800M")
    return int(float(found[1]) * _UNITS[found[2].upper()])


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _line(one: ManagedEndpoint) -> list[object]:
    seen = one.seen
    use = f"{seen.cpu:.1f} cores, {decimal(seen.memory)}" if seen and seen.engines else ""
    return [one.name, one.state.value, "online" if one.online else "offline", use, one.image, one.problem]


_HEADINGS = ["Endpoint", "State", "Agent", "Uses", "Image", "Problem"]


def _settled(client: Client, host: str, one: ManagedEndpoint, wait: float) -> None:
    if wait:
        one = client.wait_for_managed(host, one, wait)
    rows(_HEADINGS, [_line(one)], nothing="")


@app.callback()
def hosts(context: typer.Context) -> None:
    """List the hosts."""
    if context.invoked_subcommand:
        return
    with Client() as client:
        found = client.hosts()
    rows(
        ["Host", "State", "Endpoints", "Runs", "Problem"],
        [
            [
                h.name,
                _state(h),
                len(h.endpoints),
                h.status.engine if h.status else "",
                h.status.problem if h.status else "",
            ]
            for h in found
        ],
        nothing="No hosts yet. On a machine with Docker: openbeam-endpoint host enrol NAME.",
    )


def _state(host: Host) -> str:
    if not host.active:
        return "revoked"
    return "online" if host.online else "offline"


@app.command()
def show(host: HostRef) -> None:
    """Show a host: what it allows, and its endpoints."""
    with Client() as client:
        found = client.host(host)
    status = found.status
    facts: list[list[object]] = [["Host", found.name], ["Id", found.id], ["State", _state(found)]]
    if status is not None:
        limits = status.limits
        facts += [
            ["Machine", f"{status.cpus} cores, {decimal(status.memory)}, {status.engine}"],
            ["Allows", f"{limits.endpoints} endpoints, {decimal(limits.memory)}, {limits.workers} workers an engine"],
            ["Images", ", ".join(limits.images)],
            ["There", ", ".join(status.images)],
            ["Problem", status.problem],
        ]
    rows(["", ""], [fact for fact in facts if fact[1]], nothing="")
    rows(_HEADINGS, [_line(one) for one in found.endpoints], nothing="No endpoint runs here yet.")


@app.command()
def add(
    host: HostRef,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the endpoint.")],
    image: Annotated[str, typer.Option(metavar="IMAGE", help="What its engines have installed.")],
    workers: Workers = None,
    memory: Memory = None,
    engines: Engines = None,
    environment: Environment = None,
    wait: Wait = 0.0,
) -> None:
    """Have a host run an endpoint; say who sees it with: openbeam endpoints share."""
    more = _given(workers=workers, memory=_bytes(memory), engines=engines, environment=environment)
    with Client() as client:
        _settled(client, host, client.add_managed(host, name, image, **more), wait)


@app.command()
def change(
    host: HostRef,
    ref: Ref,
    image: Image = None,
    workers: Workers = None,
    memory: Memory = None,
    engines: Engines = None,
    environment: Environment = None,
    wait: Wait = 0.0,
) -> None:
    """Give an endpoint another image or size. It is replaced once its tasks have ended."""
    more = _given(image=image, workers=workers, memory=_bytes(memory), engines=engines, environment=environment)
    with Client() as client:
        _settled(client, host, client.change_managed(host, ref, **more), wait)


@app.command()
def start(host: HostRef, ref: Ref, wait: Wait = 0.0) -> None:
    """Start an endpoint that was stopped."""
    with Client() as client:
        _settled(client, host, client.change_managed(host, ref, state="running"), wait)


@app.command()
def stop(host: HostRef, ref: Ref, wait: Wait = 0.0) -> None:
    """Stop an endpoint; its tasks go elsewhere, its files stay."""
    with Client() as client:
        _settled(client, host, client.change_managed(host, ref, state="stopped"), wait)


@app.command()
def restart(host: HostRef, ref: Ref, wait: Wait = 0.0) -> None:
    """Replace an endpoint's containers and its key once its tasks have ended."""
    with Client() as client:
        _settled(client, host, client.restart_managed(host, ref), wait)


@app.command()
def logs(host: HostRef, ref: Ref) -> None:
    """Print the last lines of an endpoint's log."""
    with Client() as client:
        for line in client.managed_log(host, ref).lines:
            typer.echo(plain(line))


@app.command()
def remove(host: HostRef, ref: Ref) -> None:
    """Take an endpoint away, with its containers and files. What it has computed stays."""
    with Client() as client:
        client.remove_managed(host, ref)


@app.command()
def revoke(host: HostRef) -> None:
    """Refuse a host's agent, and those of its endpoints, until it is enrolled again."""
    with Client() as client:
        client.revoke_host(host)


@app.command()
def delete(host: HostRef) -> None:
    """Forget a host that has no endpoints any more."""
    with Client() as client:
        client.delete_host(host)
