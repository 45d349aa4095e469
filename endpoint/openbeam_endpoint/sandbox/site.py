"""An engine whose tasks run at a site: what is here is Parsl's executor, as the submitting account.

Nothing walls it off, so it serves that account's owner, or the functions of its list. It is given seconds to hand its
blocks back when the agent ends, however that happens; what it could not hand back ends by itself.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Final

from openbeam_endpoint.sandbox import minder
from openbeam_endpoint.sandbox.launch import ENGINE, Order, ProcessSandbox, environment, settings
from openbeam_endpoint.sandbox.mounts import find_mounts

__all__ = ["launch"]

_SECONDS_TO_HAND_BACK: Final = "8"
_KEPT: Final = ("HOME", "USER", "LOGNAME", "KUBECONFIG", "LD_LIBRARY_PATH")
_KEPT_PREFIXES: Final = ("SLURM_", "CONDOR_", "_CONDOR_", "KUBERNETES_", "PBS_", "LSF_", "SGE_", "COBALT_")
"""What schedulers' programs look at. Nodes get none of it."""


def launch(order: Order) -> ProcessSandbox:
    """Start an engine below a minder, in a folder that nodes see."""
    assert order.site is not None  # noqa: S101 - it is why this launcher was chosen
    scratch = Path(tempfile.mkdtemp(prefix="engine-", dir=order.scratch))
    site = scratch / "site.json"
    site.write_text(order.site.model_dump_json(), encoding="utf-8")
    inside = settings(order, sockets=order.sockets, data=order.data, scratch=scratch, alone=False, site=site)
    engine = [sys.executable, "-m", ENGINE, *inside.command()]
    command = [sys.executable, "-m", minder.__name__, str(os.getpid()), _SECONDS_TO_HAND_BACK, str(scratch), *engine]
    return ProcessSandbox(command, _environment(scratch), scratch)


def _environment(scratch: Path) -> dict[str, str]:
    own = environment(str(scratch), find_mounts().python_path)
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    return own | kept | {"PATH": f"{own['PATH'].split(':')[0]}:{os.environ.get('PATH', '')}"}
