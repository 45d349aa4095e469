"""The shared physics functions: a folder each, with the source, its lesson and the numbers it must reproduce.

An ``analysis.py`` is content: it is published as text and run by engines. Here it is loaded only to ask its ``Params``
for their JSON Schema.
"""
