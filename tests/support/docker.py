"""A Docker Engine of the tests' own, where none answers: all that it makes is in one folder, and goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final

import docker
import pytest
from docker.errors import DockerException

_START_SECONDS: Final = 60
_STOP_SECONDS: Final = 30
# Networks of containers are made without a rule in this machine's firewall, and far from those of another engine.
_SETTINGS: Final = (
    *("--bridge=none", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false"),
    "--default-address-pool=base=10.213.0.0/16,size=24",
)


def answers(host: str | None = None) -> bool:
    """Say whether an engine can be reached: at ``host``, or at the usual place."""
    try:
        client = docker.DockerClient(base_url=host) if host else docker.from_env()
        with closing(client):
            return bool(client.ping())
    except (DockerException, OSError):
        return False


@contextmanager
def running_docker() -> Iterator[str]:
    """Yield the address of an engine: the machine's, or else one of our own. Skip, loudly, where there is none."""
    if answers():
        yield os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        return
    if os.geteuid() != 0 or shutil.which("dockerd") is None:
        pytest.skip("DOCKER IS NOT HERE: as root on Debian `make test-system` installs it; elsewhere start an engine")
    # The path of a socket must be short.
    folder = Path(tempfile.mkdtemp(prefix="openbeam-docker-"))
    try:
        with _engine(folder) as host:
            yield host
    finally:
        # What a container with this machine's network leaves mounted when the engine ends.
        for mounted in (folder / "exec-root" / "netns").glob("*"):
            subprocess.run(["umount", mounted], check=False, capture_output=True)
        # All layers of all images: `rm` takes seconds where Python takes minutes.
        subprocess.run(["rm", "-rf", folder], check=True)


@contextmanager
def _engine(folder: Path) -> Iterator[str]:
    host = f"unix://{folder}/docker.sock"
    # It ends with the tests, however these end; and not at a Ctrl-C, while they still tidy up.
    command = ["setpriv", "--pdeathsig", "TERM", "dockerd", f"--host={host}", *_SETTINGS]
    command += [f"--{name}={folder / name}" for name in ("data-root", "exec-root", "pidfile")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(host, process, folder / "log")
        yield host
        _remove_containers(host)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
        process.kill()
        process.wait()


def _wait(host: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers(host):
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail(f"dockerd did not start:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)


def _remove_containers(host: str) -> None:
    with closing(docker.DockerClient(base_url=host)) as client:
        for container in client.containers.list(all=True, ignore_removed=True):
            with suppress(DockerException):
                container.remove(force=True, v=True)
