"""``Executor``: Openbeam as a ``concurrent.futures.Executor``.

``pool`` is what people use; ``board`` knows every future that is not done; ``sender`` takes calls from it in batches;
``receiver`` brings results to it as the service pushes them; ``code`` publishes callables once.
"""

from openbeam.executor.future import TaskFuture
from openbeam.executor.pool import Executor

__all__ = ["Executor", "TaskFuture"]
