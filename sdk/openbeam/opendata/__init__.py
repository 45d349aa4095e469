"""Records of CERN Open Data as datasets: asked of the portal's API, checked, and put in Openbeam's words."""

from openbeam.opendata.choice import Wishes
from openbeam.opendata.propose import propose

__all__ = ["Wishes", "propose"]
