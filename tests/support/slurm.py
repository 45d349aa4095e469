"""A real Slurm of one node, from Debian's packages, on loopback alone."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from support.ports import free_port

_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel")
_CORES = 4
_CONF = """
ClusterName=openbeam
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/munge.sock
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
SlurmctldPort={controller}
SlurmdPort={node}
SlurmdParameters=config_overrides
CommunicationParameters=NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SchedulerType=sched/builtin
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
ReturnToService=2
MinJobAge=60
KillWait=5
NodeName=vm NodeAddr=127.0.0.1 CPUs={cores} RealMemory=2000 State=UNKNOWN
PartitionName=debug Nodes=vm Default=YES MaxTime=60 State=UP OverSubscribe=NO
"""


@dataclass
class Slurm:
    """A controller and a node in one folder. ``environment`` is what its programs need to find it."""

    folder: Path
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def start(self) -> None:
        host = socket.gethostname().split(".", maxsplit=1)[0]
        ports = {"controller": free_port(), "node": free_port()}
        conf = _CONF.format(folder=self.folder, host=host, cores=_CORES, **ports)
        (self.folder / "slurm.conf").write_text(conf)
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(1024))
        key.chmod(0o400)
        self._run("munged", "--foreground", "--force", *self._munge(key))
        self._await((self.folder / "munge.sock").exists, "munged")
        self._run("slurmctld", "-D", "-i")
        self._run("slurmd", "-D", "-N", "vm")
        self._await(lambda: "idle" in self.say("sinfo", "--noheader", "--format=%T"), "Slurm")

    def _munge(self, key: Path) -> list[str]:
        places = {"socket": "munge.sock", "pid-file": "munge.pid", "log-file": "munge.log", "seed-file": "munge.seed"}
        return [f"--key-file={key}", *(f"--{name}={self.folder / place}" for name, place in places.items())]

    def _run(self, *line: str) -> None:
        with (self.folder / "output").open("ab") as output:
            self.processes.append(
                subprocess.Popen(line, env=os.environ | self.environment, stdout=output, stderr=output)
            )

    def _await(self, fact: object, what: str, seconds: float = 30) -> None:
        assert callable(fact)
        deadline = time.monotonic() + seconds
        while not fact():
            if time.monotonic() > deadline:
                pytest.fail(f"{what} did not start:\n{self.logs()}")
            time.sleep(0.1)

    def logs(self) -> str:
        found = [*sorted(self.folder.glob("*.log")), self.folder / "output"]
        return "\n".join(path.read_text(errors="replace")[-3_000:] for path in found if path.exists())

    def say(self, *line: str) -> str:
        ran = subprocess.run(line, env=os.environ | self.environment, capture_output=True, text=True, check=False)
        return ran.stdout.strip()

    def jobs(self) -> list[str]:
        """Return the ids of jobs that wait or run."""
        states = "--states=PENDING,CONFIGURING,RUNNING"
        return self.say("squeue", "--noheader", states, "--format=%i").split()

    def stop(self) -> None:
        self.say("scancel", "--user=root")
        deadline = time.monotonic() + 15
        while self.say("squeue", "--noheader") and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for step in self._steps():
            with suppress(psutil.NoSuchProcess):
                step.kill()

    def _steps(self) -> list[psutil.Process]:
        """Return the processes that Slurm has beside each job: they wait for a controller that is gone."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                ours = process.environ().get("SLURM_CONF") == self.environment["SLURM_CONF"]
                found += [process] if ours and process.name().startswith("slurmstepd") else []
        return found


@contextmanager
def running_slurm() -> Iterator[Slurm]:
    """Run a Slurm, or skip with a loud word where there is none."""
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        why = ", ".join(missing) or "not root"
        pytest.skip(f"SLURM IS NOT HERE ({why}): on Debian: apt-get install slurm-wlm munge")
    # A folder that only root may write to, up to the top: munge asks for that. And a socket's path must be short.
    folder = Path(tempfile.mkdtemp(prefix="openbeam-slurm-", dir="/run"))
    folder.chmod(0o755)
    slurm = Slurm(folder)
    try:
        slurm.start()
        yield slurm
    finally:
        slurm.stop()
        shutil.rmtree(folder)
