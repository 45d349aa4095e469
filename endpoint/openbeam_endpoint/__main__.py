"""``python -m openbeam_endpoint``: the command line, where its script is not on the path."""

from openbeam_endpoint.cli import main

main()
