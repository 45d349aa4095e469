"""Commands of a host: a machine whose agent runs endpoints for administrators."""

from __future__ import annotations

import signal
import threading
from typing import Annotated, Any

import typer
from openbeam.home import Home

__all__ = ["app"]

app = typer.Typer(help="Let administrators run endpoints on this machine, in containers.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The host's name: lower-case letters, digits, - and _.")]
Images = Annotated[
    list[str] | None, typer.Option("--image", metavar="IMAGE", help="The only images that run, * allowed; any number.")
]
MaxEndpoints = Annotated[int | None, typer.Option(help="Endpoints at once.")]
Memory = Annotated[float | None, typer.Option("--memory-gb", help="GB of all engines together.")]
Network = Annotated[str | None, typer.Option(help="The container network of agents.")]
AgentUrl = Annotated[str | None, typer.Option(help="The service, as containers reach it.")]
Mirror = Annotated[str | None, typer.Option(help="Where data files come from, instead of CERN.")]
KeepRunning = Annotated[bool | None, typer.Option(help="Whether endpoints go on without the host agent.")]


@app.command()
def enrol(
    name: Name,
    images: Images = None,
    max_endpoints: MaxEndpoints = None,
    memory_gb: Memory = None,
    network: Network = None,
    agent_url: AgentUrl = None,
    mirror: Mirror = None,
    keep_running: KeepRunning = None,
) -> None:
    """Make this machine a host, or change one. You have to be signed in as an administrator."""
    from openbeam_endpoint.host.enrol import enrol as make

    options: dict[str, Any] = {
        "images": tuple(images) if images else None,
        "max_endpoints": max_endpoints,
        "memory_gb": memory_gb,
        "network": network,
        "agent_url": agent_url,
        "mirror": mirror,
        "keep_running": keep_running,
    }
    folder = make(Home.from_env(), name, {key: value for key, value in options.items() if value is not None})
    print(f"{name} is enrolled at {folder.identity().url}. Start its agent: openbeam-endpoint host start {name}")
    print(f"What may run on it: {folder.config_path}")


@app.command()
def start(
    name: Name,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log to its file alone.")] = False,
) -> None:
    """Run a host's agent until Ctrl-C. Endpoints go on running without it, unless its settings say otherwise."""
    # Everything that it needs is heavy for the other commands.
    from openbeam_endpoint.agent.log import configure as configure_log
    from openbeam_endpoint.diary import Diary
    from openbeam_endpoint.host.agent import HostAgent
    from openbeam_endpoint.host.folder import known

    folder = known(Home.from_env(), name)
    with folder.alone(), Diary.kept(folder.state_path) as diary:
        configure_log(folder.log_path, quiet=quiet)
        agent, stop = HostAgent(folder, folder.config(), diary), threading.Event()

        def on_signal(_number: int, _frame: object) -> None:
            stop.set()
            agent.stop()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, on_signal)
        agent.run(stop)


@app.command()
def leave(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Leave the service alone, which may be gone.")] = False,
) -> None:
    """Take a host away: its containers and files from this machine, and itself from the service."""
    from openbeam_endpoint.host.enrol import forget
    from openbeam_endpoint.host.folder import known

    folder = known(Home.from_env(), name)
    if not yes:
        typer.confirm(f"Remove all endpoints of the host {name} from this machine?", abort=True, err=True)
    forget(folder, local=local)
    print(f"{name} is gone from this machine.")
