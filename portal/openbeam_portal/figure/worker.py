"""The process that draws final figures and fits: a line of JSON in, a line of JSON and a PNG out, until nobody asks."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

from openbeam.errors import OpenbeamError, to_json

from openbeam_portal.figure.drawing import draw, rehearse
from openbeam_portal.figure.peak import Wanted
from openbeam_portal.figure.picture import Picture

__all__ = ["main"]


def main() -> None:
    """Answer until the input ends."""
    # Whatever a library prints must not get between the pictures.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    rehearse()
    for line in sys.stdin.buffer:
        _answer(line, answers)


def _fitted(picture: Picture, wanted: Wanted) -> tuple[dict[str, Any], bytes]:
    # Not before somebody wants a fit: most figures are drawn without one.
    from openbeam_portal.figure.fitted import fitted

    try:
        answer, png = fitted(picture, wanted)
    except OpenbeamError as error:
        return {"refused": to_json(error)}, b""
    return {"fit": answer}, png


def _answer(line: bytes, answers: BinaryIO) -> None:
    try:
        request = json.loads(line)
        about, wanted = request["picture"], request["fit"]
        picture = Picture(**{**about, "provenance": tuple(about["provenance"])})
        said, png = _fitted(picture, Wanted(**wanted)) if wanted else ({}, draw(picture))
    except Exception as error:  # noqa: BLE001 - an author's histogram may be anything; the next one is drawn all the same
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    else:
        answers.write(json.dumps({**said, "size": len(png)}).encode() + b"\n" + png)
    answers.flush()


if __name__ == "__main__":
    main()
