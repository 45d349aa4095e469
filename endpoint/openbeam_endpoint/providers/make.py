"""From the settings to one of Parsl's providers. Used in an engine's process; the agent imports nothing of this."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final

from parsl import launchers, providers
from parsl.providers.errors import ScaleOutFailed, SubmitException

from openbeam_endpoint.providers import foreign
from openbeam_endpoint.providers.settings import Htcondor, Kubernetes, Launcher, Parsl, Site, Slurm

__all__ = ["NoBlock", "make"]

_LAUNCHERS: Final[dict[Launcher, Callable[[], Any]]] = {
    "single": lambda: launchers.SingleNodeLauncher(debug=False),
    "srun": lambda: launchers.SrunLauncher(debug=False),
    "mpiexec": lambda: launchers.MpiExecLauncher(debug=False),
    "mpirun": lambda: launchers.MpiRunLauncher(debug=False),
}

_QUOTED: Final = re.compile(r"standard error '(.*)'", re.DOTALL)


class NoBlock(Exception):
    """A scheduler did not take a block; the text is its own."""


class _Plain:
    """What is ours in each of Parsl's providers: how often they ask the scheduler, and errors in its own words."""

    poll_seconds = 60.0

    @property
    def status_polling_interval(self) -> float:
        return self.poll_seconds

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().submit(*args, **kwargs)  # type: ignore[misc]
        except Exception as error:
            raise NoBlock(_words(error)) from error


def make(site: Site) -> Any:
    """Return the provider of a site.

    Raises
    ------
    Exception
        Whatever Parsl raises when it cannot be made, such as for a program or a package that is missing.

    """
    return _MAKERS[site.kind](site)


def _plain(provider: type, site: Site, **arguments: Any) -> Any:
    ours = type(provider.__name__, (_Plain, provider), {"poll_seconds": site.poll_seconds})
    return ours(
        init_blocks=site.init_blocks,
        min_blocks=site.min_blocks,
        max_blocks=site.max_blocks,
        worker_init=site.worker_init,
        **arguments,
    )


def _slurm(site: Slurm) -> Any:
    return _plain(
        providers.SlurmProvider,
        site,
        nodes_per_block=site.nodes_per_block,
        launcher=_LAUNCHERS[site.launcher](),
        walltime=site.walltime,
        scheduler_options=site.scheduler_options,
        partition=site.partition,
        account=site.account,
        qos=site.qos,
        constraint=site.constraint,
        cores_per_node=site.cores_per_node or site.workers_per_node,
        mem_per_node=site.memory_gb,
        exclusive=site.exclusive,
    )


def _htcondor(site: Htcondor) -> Any:
    return _plain(
        providers.CondorProvider,
        site,
        nodes_per_block=site.nodes_per_block,
        launcher=_LAUNCHERS[site.launcher](),
        walltime=site.walltime,
        scheduler_options=f"{site.scheduler_options}\n+MaxRuntime = {_seconds(site.walltime)}".lstrip(),
        project=site.project,
        requirements=site.requirements,
        cores_per_slot=site.cores_per_node or site.workers_per_node,
        mem_per_slot=site.memory_gb,
    )


def _kubernetes(site: Kubernetes) -> Any:
    try:
        from openbeam_endpoint.providers.pods import Pods, user_of
    except ImportError as error:
        raise ImportError("For Kubernetes, install 'openbeam-endpoint[kubernetes]'.") from error

    user = str(user_of(site))
    cores = site.cpus or float(site.workers_per_node)
    memory = f"{math.ceil(site.memory_gb * 1024)}Mi"
    provider = _plain(
        providers.KubernetesProvider,
        site,
        image=site.image,
        namespace=site.namespace,
        nodes_per_block=site.nodes_per_block,
        init_cpu=cores,
        max_cpu=cores,
        init_mem=memory,
        max_mem=memory,
        user_id=user,
        group_id=user,
        run_as_non_root=True,
        persistent_volumes=[(site.claim, site.folder)],
        secret=site.secret,
    )
    provider.kube_client = Pods(site)
    return provider


def _parsl(site: Parsl) -> Any:
    arguments = dict(site.arguments)
    if site.launcher is not None:
        arguments["launcher"] = foreign.find(foreign.LAUNCHERS, site.launcher)(**site.launcher_arguments)
    return _plain(foreign.find(foreign.PROVIDERS, site.provider), site, **arguments)


_MAKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "slurm": _slurm,
    "htcondor": _htcondor,
    "kubernetes": _kubernetes,
    "parsl": _parsl,
}


def _seconds(walltime: str) -> int:
    hours, minutes, seconds = (int(part) for part in walltime.split(":"))
    return hours * 3600 + minutes * 60 + seconds


def _words(error: Exception) -> str:
    """Return what the scheduler said, without what Parsl says around it."""
    said = str(error)
    if isinstance(error, SubmitException):
        said = error.stderr or error.stdout or error.message
    elif isinstance(error, ScaleOutFailed):
        quoted = _QUOTED.search(str(error.reason))
        said = quoted[1] if quoted else str(error.reason)
    elif body := getattr(error, "body", None):
        from openbeam_endpoint.providers.pods import message

        said = message(str(body))
    return said
