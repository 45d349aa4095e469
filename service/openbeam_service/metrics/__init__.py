"""Numbers for Prometheus: what this process has done, and how things stand when somebody asks."""
