"""The ``[provider]`` table of ``config.toml``: where tasks run, in how many blocks, and what is asked of the scheduler.

A description is the comment above the setting.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from openbeam.models import Model
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, model_validator

from openbeam_endpoint.providers import foreign

__all__ = [
    "KINDS",
    "AnyProvider",
    "Htcondor",
    "Kubernetes",
    "Launcher",
    "Local",
    "Parsl",
    "Provider",
    "Site",
    "Slurm",
    "read",
]

_Word = Annotated[str, StringConstraints(pattern=r"^[^\s'\"]{1,200}$")]
_Text = Annotated[str, StringConstraints(max_length=4_000)]
_Path = Annotated[str, StringConstraints(pattern=r"^/[^\n'\"]{0,500}$")]
_Walltime = Annotated[str, StringConstraints(pattern=r"^\d{1,3}:[0-5]\d:[0-5]\d$")]
_Count = Annotated[int, Field(ge=1, le=1_000)]
_Gigabytes = Annotated[float, Field(gt=0, le=100_000)]

Launcher = Literal["single", "srun", "mpiexec", "mpirun"]

_KIND: Final = "local (this machine), slurm, htcondor, kubernetes, or parsl (any provider that Parsl has)."


class _Table(Model):
    model_config = ConfigDict(frozen=True)


class Local(_Table):
    """One machine: an engine an author, behind the walls that ``isolation`` names."""

    kind: Literal["local"] = Field(default="local", description=_KIND)
    min_blocks: Literal[0, 1] = Field(
        default=1,
        description="1 keeps the owner's engine ready, and spare ones. 0 ends every engine after engine_idle_seconds\n"
        "without work; the first task after that waits some seconds for one.",
    )


class Site(_Table):
    """What every provider of blocks is told. A block is what the scheduler starts at once: a job, or a pod."""

    kind: str = Field(description=_KIND)
    init_blocks: Annotated[int, Field(ge=0, le=1_000)] = Field(
        default=0, description="Blocks asked for when the endpoint starts."
    )
    min_blocks: Annotated[int, Field(ge=0, le=1_000)] = Field(
        default=0, description="Blocks kept without work. 0 gives all of them back."
    )
    max_blocks: _Count = Field(default=1, description="Blocks at once, when there is work for them.")
    nodes_per_block: _Count = Field(default=1, description="Nodes of one block.")
    workers_per_node: _Count = Field(default=1, description="Tasks at once on a node, in place of `workers`.")
    idle_seconds: Annotated[float, Field(ge=1, le=86_400)] = Field(
        default=120, description="A block without work is given back after this many seconds."
    )
    poll_seconds: Annotated[float, Field(ge=1, le=3_600)] = Field(
        default=15, description="Seconds between questions to the scheduler."
    )
    worker_init: _Text = Field(
        default="", description="Shell commands on a node before its workers: module load …, source …/activate."
    )
    python: _Path | None = Field(
        default=None,
        description="The Python of the nodes, with this endpoint's packages at the same versions. Without this line:\n"
        "the agent's own.",
    )
    folder: _Path | None = Field(
        default=None,
        description="A folder that agent and nodes see at the same path, for data files and the engine's own. Without\n"
        "this line: the endpoint's folder.",
    )
    address: _Word | None = Field(
        default=None, description="The agent's address as nodes reach it. Without this line: all are tried."
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for key in ("init_blocks", "min_blocks"):
            if getattr(self, key) > self.max_blocks:
                raise ValueError(f"{key} is more than max_blocks, which is {self.max_blocks}")
        return self

    @property
    def slots(self) -> int:
        """Tasks at once when all blocks are there."""
        return self.max_blocks * self.nodes_per_block * self.workers_per_node

    @property
    def title(self) -> str:
        """What people call it."""
        return _TITLES[self.kind]


class _Batch(Site):
    """Providers that write a script for a scheduler."""

    walltime: _Walltime = Field(default="01:00:00", description="How long a block may run: hours:minutes:seconds.")
    launcher: Launcher = Field(
        default="single",
        description="What starts the workers on a block's nodes: single (one node), srun, mpiexec or mpirun.",
    )
    scheduler_options: _Text = Field(
        default="", description="Lines for the scheduler's script as they are, such as #SBATCH --qos=short."
    )


class Slurm(_Batch):
    """Jobs of a Slurm cluster."""

    kind: Literal["slurm"] = Field(description=_KIND)
    partition: _Word | None = Field(default=None, description="The partition. Without this line: Slurm's default.")
    account: _Word | None = Field(default=None, description="The account that pays.")
    qos: _Word | None = Field(default=None, description="The quality of service.")
    constraint: _Word | None = Field(default=None, description="Features that nodes must have.")
    cores_per_node: _Count | None = Field(
        default=None, description="Cores asked for on a node. Without this line: one a worker."
    )
    memory_gb: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="GB of memory asked for on a node. Without this line: Slurm's default."
    )
    exclusive: bool = Field(default=False, description="Whether nodes are shared with nobody.")


class Htcondor(_Batch):
    """Jobs of an HTCondor pool whose nodes see the agent's folder."""

    kind: Literal["htcondor"] = Field(description=_KIND)
    project: _Text = Field(default="", description="The project that jobs are accounted to.")
    requirements: _Text = Field(default="", description="What slots must offer, as a ClassAd expression.")
    cores_per_node: _Count | None = Field(default=None, description="Cores asked for. Without this line: one a worker.")
    memory_gb: _Gigabytes | None = Field(default=None, description="GB of memory asked for.")


class Kubernetes(Site):
    """Pods of a Kubernetes namespace."""

    kind: Literal["kubernetes"] = Field(description=_KIND)
    image: Annotated[str, StringConstraints(pattern=r"^[^\s'\"]{1,500}$")] = Field(
        description="The container image of the nodes, with this endpoint's packages at the same versions."
    )
    claim: _Word = Field(
        description="The persistent volume claim that nodes see at `folder`, read-only; the agent sees it there too."
    )
    folder: _Path = Field(description="Where the claim is mounted, here and in pods.")
    namespace: _Word = Field(default="default", description="The namespace.")
    cpus: Annotated[float, Field(gt=0, le=1_000)] | None = Field(
        default=None, description="Cores of a pod. Without this line: one a worker."
    )
    memory_gb: _Gigabytes = Field(default=4, description="GB of memory of a pod.")
    scratch_gb: _Gigabytes = Field(default=2, description="GB that a pod may write, to its /tmp.")
    user: Annotated[int, Field(ge=1, le=2**31)] | None = Field(
        default=None, description="User and group id of a pod. Without this line: the agent's, who may not be root."
    )
    secret: _Word | None = Field(default=None, description="The secret that images are pulled with.")
    deadline_seconds: Annotated[int, Field(ge=60, le=10**7)] = Field(
        default=86_400, description="Seconds after which a pod ends in any case."
    )


class Parsl(Site):
    """Any other provider that Parsl has."""

    kind: Literal["parsl"] = Field(description=_KIND)
    provider: str = Field(description="The name of one of the classes in parsl.providers, such as PBSProProvider.")
    arguments: dict[str, Any] = Field(default_factory=dict, description="What it is called with.")
    launcher: str | None = Field(default=None, description="The name of one of the classes in parsl.launchers.")
    launcher_arguments: dict[str, Any] = Field(default_factory=dict, description="What that is called with.")

    @property
    def title(self) -> str:
        """What people call it."""
        return self.provider.removesuffix("Provider")

    @model_validator(mode="after")
    def _known(self) -> Self:
        foreign.check_provider(self.provider, self.arguments)
        if self.launcher is not None:
            foreign.check_launcher(self.provider, self.launcher, self.launcher_arguments)
        return self


AnyProvider = Annotated[Local | Slurm | Htcondor | Kubernetes | Parsl, Field(discriminator="kind")]
Provider = Local | Site

KINDS: Final[dict[str, type[Local | Site]]] = {
    "local": Local,
    "slurm": Slurm,
    "htcondor": Htcondor,
    "kubernetes": Kubernetes,
    "parsl": Parsl,
}

_sites: Final[TypeAdapter[Slurm | Htcondor | Kubernetes | Parsl]] = TypeAdapter(
    Annotated[Slurm | Htcondor | Kubernetes | Parsl, Field(discriminator="kind")]
)


def read(path: Path) -> Site:
    """Return the settings that the agent has written into a file for an engine."""
    return _sites.validate_json(path.read_bytes())


_TITLES: Final = {"slurm": "Slurm", "htcondor": "HTCondor", "kubernetes": "Kubernetes"}
