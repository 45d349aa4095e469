"""The agent's side of engines: launched, talked to over one socket, noticed when they fail, cleared away.

::

    handle (tasks in, answers out)  -- launch (sandbox up, socket connected)
       |         '-- runs (tasks that are open, and what their times say of the engine)
      line (frames)
"""

from openbeam_endpoint.engines.handle import Engine
from openbeam_endpoint.engines.runs import EngineReply
from openbeam_endpoint.packages import environment_digest, environment_packages
from openbeam_endpoint.sandbox.choose import choose_isolation

__all__ = ["Engine", "EngineReply", "choose_isolation", "environment_digest", "environment_packages"]
