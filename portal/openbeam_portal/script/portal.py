"""Run by Streamlit for every browser and at every touch of a widget."""

from openbeam_portal.app import main

main()
