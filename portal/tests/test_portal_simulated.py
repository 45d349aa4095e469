"""Figures of simulated events say so: the live one, the one for print, the table, and the page around them."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
from openbeam_portal import result
from openbeam_portal.figure.live import header_of
from openbeam_portal.figure.press import press
from openbeam_portal.figure.table import csv_of
from openbeam_portal.words import en as words
from portal_kit import opened, texts
from portal_samples import cutflow, dataset, spectrum


@pytest.fixture
def simulated_run(service: Any) -> Any:
    """Return a run that found its file simulated, though the dataset's record does not say so."""
    provenance = service.make().provenance.model_copy(update={"simulated": True})
    return service.add(service.make(provenance=provenance), {"mass": spectrum(2304, 60), "cutflow": cutflow(2304)})


def test_the_page_of_a_run_says_so(simulated_run: Any) -> None:
    at = opened("analysis", function="z_mumu", run=simulated_run.id)
    assert words.SIMULATED_MEANING in texts(at)
    opened_real = opened("analysis", function="z_mumu")
    assert words.SIMULATED_MEANING not in texts(opened_real)


def test_a_header_says_so_whatever_is_known_of_the_dataset() -> None:
    real = dataset("cms-2010-zmumu")
    assert header_of(real).kind == words.OPEN_DATA
    assert header_of(real, simulated=True).kind == words.SIMULATED
    assert header_of(real.model_copy(update={"simulated": True})).kind == words.SIMULATED
    assert header_of(real.model_copy(update={"simulated": True, "local": True})).kind == words.SIMULATED
    assert header_of(None, simulated=True).kind == words.SIMULATED


def test_the_picture_for_print_says_so(service: Any) -> None:
    real = service.make()
    made = real.model_copy(update={"provenance": real.provenance.model_copy(update={"simulated": True})})
    pictures = [result._picture(_Handle(run), dataset("cms-2010-zmumu"), spectrum(2304, 60)) for run in (real, made)]
    assert [picture.kind for picture in pictures] == [words.OPEN_DATA, words.SIMULATED]
    assert ["simulated" in " ".join(picture.provenance) for picture in pictures] == [False, True]
    first, second = (np.frombuffer(press.draw(picture), np.uint8) for picture in pictures)
    assert not np.array_equal(first, second)


class _Handle:
    """What the page takes of a run."""

    def __init__(self, record: Any) -> None:
        self.provenance, self.account, self.id = record.provenance, record.account, record.id


def test_each_line_of_a_table_says_so() -> None:
    plain, marked = (
        list(csv.reader(csv_of(spectrum(2304, 60), simulated=mark).splitlines())) for mark in (False, True)
    )
    assert [line[:-1] for line in marked] == plain
    assert {line[-1] for line in marked} == {"simulated"}
