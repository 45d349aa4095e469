"""A fit and its figure, made in the press's process: see ``press``."""

from __future__ import annotations

import io
from typing import Any

from openbeam.fit import fit
from openbeam.fit.around import Around
from openbeam.histograms import from_uhi

from openbeam_portal.figure.peak import Wanted
from openbeam_portal.figure.picture import Picture

__all__ = ["fitted"]


def fitted(picture: Picture, wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    """Return what an ``Answer`` is made of, as plain JSON types, and the figure as a PNG.

    Raises
    ------
    OpenbeamError
        When it cannot be fitted; says why.

    """
    hold = wanted.natural_width and wanted.signal == "voigt"
    found = fit(
        from_uhi(picture.uhi),
        wanted.signal,
        wanted.background,
        within=(wanted.low, wanted.high),
        particle=wanted.particle,
        fix={"gamma": "pdg"} if hold else {},
    )
    around = Around(picture.experiment, picture.kind, picture.collision, picture.notice, picture.provenance)
    buffer = io.BytesIO()
    found.plot(around=around).savefig(buffer, format="png", metadata=dict(picture.metadata))
    answer = {
        "rows": [(one.title, str(one)) for one in found.rows],
        "summary": found.summary(),
        "sentences": found.sentences,
        "csv": found.to_csv(simulated=wanted.simulated),
    }
    return answer, buffer.getvalue()
