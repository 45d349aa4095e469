"""Dataset records, where their files are, and how events are read from them.

``record`` knows the datasets, ``files`` keeps verified copies of their files, ``readers`` turns a file into events.
"""
