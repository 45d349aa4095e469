"""Where tasks run when they do not run on the agent's own machine: a cluster's or a cloud's blocks of nodes.

::

    agent -- engine (Parsl's executor and interchange) ==network== node: manager -- workers
                 |                                                    |
                 '-- provider (sbatch, condor_submit, pods)           '-- zygote --fork--> child (the author's code)

``settings`` is the ``[provider]`` table of ``config.toml``, ``foreign`` checks what it says of Parsl's other providers,
``make`` turns it into one of Parsl's providers, inside the engine's process.
"""
