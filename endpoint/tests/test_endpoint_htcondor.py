"""What HTCondor is asked for: the submit file that Parsl writes of our settings. Nothing here is a real pool."""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: Parsl is nothing that a trusted process imports.
ASK = """
import sys
from pathlib import Path
from openbeam_endpoint.providers.make import make
from openbeam_endpoint.providers.settings import Htcondor

site = Htcondor(kind="htcondor", max_blocks=2, workers_per_node=4, memory_gb=8, walltime="02:30:00",
                project="physics", requirements='OpSysAndVer == "AlmaLinux9"', worker_init="module load python",
                scheduler_options='+AccountingGroup = "cms"')
provider = make(site)
provider.script_dir = sys.argv[1]
try:
    print(provider.submit("exec workers", 1, "block-0"))
    print(provider.status(list(provider.resources))[0].state.name)
except Exception as error:
    print(f"{type(error).__name__}: {error}")
"""

SUBMIT = """\
cp "$1" {kept}/submit
echo "Submitting job(s)."
echo "1 job(s) submitted to cluster 118907."
"""
REFUSE = 'echo "ERROR: Can\'t find address of local schedd" >&2; exit 1\n'
QUEUE = 'echo "118907.0 2"\n'


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder for stand-ins of HTCondor's programs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


def ask(programs: Path, **stubs: str) -> list[str]:
    for name, text in stubs.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}")
        (programs / name).chmod(0o755)
    scripts = programs.parent / "scripts"
    scripts.mkdir()
    environment = {"PATH": f"{programs}:/usr/bin:/bin", "HOME": str(programs.parent)}
    line = [sys.executable, "-c", ASK, str(scripts)]
    ran = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_the_submit_file_says_what_the_settings_say(programs: Path) -> None:
    submit = SUBMIT.format(kept=shlex.quote(str(programs.parent)))
    job, state = ask(programs, condor_submit=submit, condor_q=QUEUE)
    assert (job, state) == ("118907.0", "RUNNING")
    lines = [line.strip() for line in (programs.parent / "submit").read_text().splitlines()]
    assert 'requirements            = OpSysAndVer == "AlmaLinux9"' in lines
    assert "+projectname            = physics" in lines
    assert '+AccountingGroup = "cms"' in lines
    assert "RequestCpus = 4" in lines
    assert "RequestMemory = 8192.0" in lines
    assert "+MaxRuntime = 9000" in lines
    assert "queue" in lines
    (script,) = (programs.parent / "scripts").glob("*.script")
    text = script.read_text()
    assert text.startswith("module load python\n")
    assert "exec workers" in text
    assert f"transfer_input_files    = {script}" in lines


def test_a_refusal_is_told_in_its_words(programs: Path) -> None:
    assert ask(programs, condor_submit=REFUSE) == ["NoBlock: ERROR: Can't find address of local schedd"]
