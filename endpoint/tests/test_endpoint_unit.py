"""The systemd unit is one that systemd takes, wherever the endpoint is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.unit import unit, unit_name


@pytest.mark.parametrize("home", ["home", "two words", 'a"quote', "100%s", "$HOME", "back\\slash", "é"])
def test_systemd_takes_the_unit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("SYSTEMD IS NOT HERE: the unit file is not checked")
    root = tmp_path / home
    monkeypatch.setenv("OPENBEAM_HOME", str(root))
    folder = Folder(root / "endpoints" / "lab")
    folder.path.mkdir(parents=True)
    file = tmp_path / unit_name("lab")
    file.write_text(unit(folder))
    done = subprocess.run(
        [analyze, "--user", "verify", str(file)],
        capture_output=True,
        text=True,
        check=False,
        env={"XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
    )
    assert (done.returncode, done.stderr) == (0, "")
