"""``python -m openbeam_service``."""

from openbeam_service.cli import main

main()
