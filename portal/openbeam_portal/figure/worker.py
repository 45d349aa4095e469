"""The process that draws final figures: a line of JSON in, a line of JSON and a PNG out, until nobody asks any more."""

from __future__ import annotations

import json
import os
import sys
from typing import BinaryIO

from openbeam_portal.figure.drawing import draw, rehearse
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


def _answer(line: bytes, answers: BinaryIO) -> None:
    try:
        fields = json.loads(line)
        png = draw(Picture(**{**fields, "provenance": tuple(fields["provenance"])}))
    except Exception as error:  # noqa: BLE001 - an author's histogram may be anything; the next one is drawn all the same
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
    else:
        answers.write(json.dumps({"size": len(png)}).encode() + b"\n" + png)
    answers.flush()


if __name__ == "__main__":
    main()
