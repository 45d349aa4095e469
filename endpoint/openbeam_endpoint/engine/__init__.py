"""What runs inside the sandbox: nothing here is trusted, and nothing here may be imported by the trusted side.

::

    agent --unix socket-- main --ZeroMQ-- interchange -- manager -- workers (thin)
                            |                                          |
                            '-- zygote (everything imported) --fork--> child (the author's code)

``main`` holds Parsl's executor, which Parsl's channel lets a worker take over: so it is in here with them. A worker
asks the ``zygote`` for a child, waits for its answer with the task's timeout, and hands bytes back. The child is the
only process that runs what an author wrote; it ends with its task.

Where tasks run in blocks of a cluster, ``blocks`` takes the ``pool``'s place, and manager, workers and zygote are below
a ``node``, one on each of the cluster's.
"""
