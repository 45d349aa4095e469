"""The file that Streamlit runs.

It has a folder of its own, because beside a folder named ``pages`` Streamlit takes every file in there for a page.
"""
