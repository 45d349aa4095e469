"""How a lesson is laid out in each language: its sections in their order, and the word that folds an answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from openbeam.models import Lesson

__all__ = ["FOLDED", "HEADINGS", "Headings", "languages_of", "sections_of"]

FOLDED: Final = re.compile(r"<details>\s*<summary>(?P<word>.+?)</summary>(?P<text>.+?)</details>", re.DOTALL)
"""An answer that is folded away."""
_HEADING: Final = re.compile(r"^## +(.+?)\s*$", re.MULTILINE)


class Headings(NamedTuple):
    """The headings of a lesson in one language, and the words around it."""

    language: str
    """The language's name, in itself."""
    question: str
    background: str
    to_try: str
    to_see: str
    questions: str
    reading: str
    data: str
    answer: str
    """What a folded answer is called."""

    @property
    def sections(self) -> tuple[str, ...]:
        """The headings, in their order."""
        return self[1:-1]


HEADINGS: Final = {
    "en": Headings(
        "English",
        "The question",
        "Background",
        "What to try",
        "What you should see",
        "Questions",
        "Further reading",
        "Data",
        "Answer",
    ),
    "fr": Headings(
        "Français",
        "La question",
        "Pour comprendre",
        "À vous de jouer",
        "Ce que vous devriez voir",
        "Questions",
        "Pour aller plus loin",
        "Les données",
        "Réponse",
    ),
    "de": Headings(
        "Deutsch",
        "Die Frage",
        "Hintergrund",
        "Probier es aus",
        "Was du sehen solltest",
        "Fragen",
        "Zum Weiterlesen",
        "Die Daten",
        "Antwort",
    ),
    "es": Headings(
        "Español",
        "La pregunta",
        "Para entenderlo",
        "Prueba tú",
        "Lo que deberías ver",
        "Preguntas",
        "Para saber más",
        "Los datos",
        "Respuesta",
    ),
    "it": Headings(
        "Italiano",
        "La domanda",
        "Per capire",
        "Prova tu",
        "Che cosa dovresti vedere",
        "Domande",
        "Per approfondire",
        "I dati",
        "Risposta",
    ),
}
"""Language to the headings of its lessons. A lesson in another language is only held to the number of sections."""


def sections_of(markdown: str) -> list[tuple[str, str]]:
    """Return the heading and the text of each section of a lesson, in order."""
    _, *parts = _HEADING.split(markdown)
    return list(zip(parts[::2], parts[1::2], strict=True))


def languages_of(lessons: Sequence[Lesson]) -> Iterator[str]:
    """Yield what the languages of some lessons call themselves, or their codes."""
    for lesson in lessons:
        headings = HEADINGS.get(lesson.language)
        yield headings.language if headings else lesson.language
