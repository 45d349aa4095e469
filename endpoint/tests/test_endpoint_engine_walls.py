"""A running engine, in every isolation that works here: what does not get out of it."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

from endpoint_lab import SECRET, Lab
from openbeam.models import (
    Isolation,
)


def test_a_task_sees_nothing_of_the_agents_environment(lab: Lab) -> None:
    seen = lab.value("import os\ndef f():\n    return dict(os.environ)")
    assert SECRET not in json.dumps(seen)
    assert not [name for name in seen if name.startswith("OPENBEAM")]


def test_a_task_sees_no_secret_and_no_process_of_this_machine(walled: Lab) -> None:
    source = """
import os
def f(paths, homes):
    return [path for path in paths if os.path.exists(path)], [
        os.path.join(home, name) for home in homes if os.path.isdir(home) for name in os.listdir(home)
    ], os.listdir("/engine/data"), len([pid for pid in os.listdir("/proc") if pid.isdigit()])
"""
    paths = [str(walled.secret), str(walled.path), "/etc/shadow", "/etc/passwd", "/run/docker.sock"]
    homes = ["/", "/root", "/home", "/var", "/run", "/etc", str(Path.home()), str(Path.cwd())]
    found, seen, files, processes = walled.value(source, paths, homes)
    assert found == []
    # Folders on the way to this environment have to be there, with nothing else in them.
    assert set(seen) <= SYSTEM | environment_here() | (DOCKERS_OWN if walled.isolation is Isolation.docker else set())
    assert files == [walled.path.name]
    assert processes < 20


SYSTEM = {
    *("/bin", "/dev", "/engine", "/etc", "/lib", "/lib32", "/lib64", "/nix", "/proc", "/sbin", "/tmp", "/usr"),
    *("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime"),
}
DOCKERS_OWN = {"/.dockerenv", "/sys", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/etc/mtab"}


def environment_here() -> set[str]:
    found = [importlib.util.find_spec(name) for name in ("openbeam", "openbeam_datasets", "openbeam_endpoint")]
    packages = [place for spec in found if spec for place in spec.submodule_search_locations or ()]
    folders = [Path(place) for place in (sys.prefix, sys.base_prefix, *packages)]
    return {str(place) for folder in folders for place in (folder, *folder.parents)}


def test_a_task_can_write_nowhere_but_its_own_folder(walled: Lab) -> None:
    name = walled.path.name
    source = f"""
import os, sys
def f():
    done = []
    for path in ("", "engine", "engine/data", "engine/agent", "usr", "dev", "etc", sys.prefix, "engine/data/{name}"):
        place = os.path.join("/", path)
        try:
            open(os.path.join(place, "x") if os.path.isdir(place) else place, "ab").close()
            done.append(path)
        except OSError:
            pass
    return done
"""
    assert walled.value(source) == []
    assert walled.path.stat().st_size == walled.file["size"]


def test_a_task_has_no_network(walled: Lab) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        source = f"""
import socket
def f():
    names = [name for _, name in socket.if_nameindex()]
    try:
        socket.create_connection(("127.0.0.1", {listener.getsockname()[1]}), 2)
        return names, "connected"
    except OSError as error:
        return names, type(error).__name__
"""
        assert walled.value(source) == [["lo"], "ConnectionRefusedError"]


def test_a_task_has_no_rights_to_build_on(walled: Lab) -> None:
    source = """
import os, subprocess
def f():
    status = dict(line.split(":\\t", 1) for line in open("/proc/self/status"))
    nested = subprocess.run(["unshare", "-Ur", "true"], capture_output=True).returncode
    return int(status["CapEff"], 16), int(status["NoNewPrivs"]), nested != 0, os.getuid()
"""
    assert walled.value(source) == [0, 1, True, 65534]


def test_the_temporary_folder_is_bounded(walled: Lab) -> None:
    source = """
import errno
def f():
    try:
        for i in range(100):
            with open(f"{i}", "wb") as file:
                for _ in range(4):
                    file.write(bytes(1 << 24))
    except OSError as error:
        return errno.errorcode[error.errno]
"""
    assert walled.value(source) == "ENOSPC"
    assert walled.value("def f():\n    return 1") == 1
