"""What stands between an engine and the machine: one launcher an isolation.

Importing this package imports nothing: an engine's processes read their ``settings`` from here.
"""
