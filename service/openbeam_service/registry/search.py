"""Full-text search of functions: SQLite's FTS5 or PostgreSQL's ``tsvector``, behind three calls.

Words are cut here, the same way for both databases and for texts and questions alike: no database's parser ever sees
what somebody typed, so no text can be a syntax error, and a search finds the same on either. A word of a question
stands for all words that begin with it; all of them must be there. The index is a table beside the models' own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from sqlalchemy import CTE, DDL, Float, Select, String, column, event, select, table, text
from sqlalchemy.orm import Session, undefer_group

from openbeam_service.registry.models import FunctionRow

__all__ = ["TABLE", "catch_up", "create", "index", "matches", "words"]

TABLE: Final = "function_search"

_MAX_ASKED: Final = 16
"""Words of a question that count."""
_LONGEST: Final = 64
_WORD: Final = re.compile(r"[^\W_]+")
_AT_ONCE: Final = 200

_CREATE: Final = {
    "sqlite": (
        "CREATE VIRTUAL TABLE function_search USING fts5(function_id UNINDEXED, name, title, tags, words, prefix='2')",
        "INSERT INTO function_search (function_search, rank) VALUES ('rank', 'bm25(0.0, 10.0, 6.0, 4.0, 1.0)')",
    ),
    "postgresql": (
        (
            "CREATE TABLE function_search (function_id VARCHAR(36) PRIMARY KEY"
            " REFERENCES functions (id) ON DELETE CASCADE, document TSVECTOR NOT NULL)"
        ),
        "CREATE INDEX ix_function_search_document ON function_search USING gin (document)",
    ),
}
_INSERT: Final = {
    "sqlite": text(
        "INSERT INTO function_search (function_id, name, title, tags, words) VALUES (:id, :name, :title, :tags, :words)"
    ),
    "postgresql": text("INSERT INTO function_search (function_id, document) VALUES (:id, CAST(:document AS tsvector))"),
}
_FIND: Final = {
    # FTS5's rank is the smaller the better.
    "sqlite": "SELECT function_id, -rank AS rank FROM function_search WHERE function_search MATCH :asked",
    "postgresql": "SELECT function_id, ts_rank('{0.1, 0.4, 0.6, 1.0}', document, CAST(:asked AS tsquery)) AS rank"
    " FROM function_search WHERE document @@ CAST(:asked AS tsquery)",
}
# Best first: a word of the name weighs more than one of the docstring.
_FIELDS: Final = ("name", "title", "tags", "words")


def words(*texts: str) -> list[str]:
    """Return the words of some texts: letters and digits, without case and accents."""
    plain = unicodedata.normalize("NFKD", " ".join(texts).casefold())
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return [word[:_LONGEST] for word in _WORD.findall(bare)]


# ------------------------------------------------------------------------------------------------ the index
def create(dialect: str) -> Sequence[str]:
    """Return the statements that make the index."""
    return _CREATE[dialect]


def _follow_table() -> None:
    """Make and drop the index together with the table, when that is done without migrations."""
    functions = FunctionRow.__table__
    for dialect, statements in _CREATE.items():
        for statement in statements:
            event.listen(functions, "after_create", _ddl(statement).execute_if(dialect=dialect))
    event.listen(functions, "before_drop", _ddl("DROP TABLE IF EXISTS function_search"))


def _ddl(statement: str) -> DDL:
    return DDL(statement)  # type: ignore[no-untyped-call]


_follow_table()


def index(db: Session, row: FunctionRow) -> None:
    """Add a function to the index. Its words never change, and who may see it is asked elsewhere."""
    dialect = db.get_bind().dialect.name
    fields = {
        "name": words(row.name),
        "title": words(row.title),
        "tags": words(*row.tags),
        "words": words(row.description, row.docstring),
    }
    db.execute(_INSERT[dialect], {"id": row.id, **_ENTRY[dialect](fields)})


def catch_up(db: Session) -> None:
    """Index what the index misses: functions that came by another way than being published."""
    known: Select[str] = select(column("function_id", String)).select_from(table(TABLE))
    missing = select(FunctionRow).where(FunctionRow.id.not_in(known), FunctionRow.deleted.is_(None))
    for row in db.scalars(missing.options(undefer_group("body")).execution_options(yield_per=_AT_ONCE)):
        index(db, row)


def _lists(fields: dict[str, list[str]]) -> dict[str, str]:
    return {name: " ".join(found) for name, found in fields.items()}


def _document(fields: dict[str, list[str]]) -> dict[str, str]:
    # A word is letters and digits only, so it needs no escaping between quotes.
    seen: dict[str, str] = {}
    for weight, found in zip("ABCD", (fields[name] for name in _FIELDS), strict=True):
        for word in found:
            seen.setdefault(word, weight)
    return {"document": " ".join(f"'{word}':1{weight}" for word, weight in seen.items())}


_ENTRY: Final = {"sqlite": _lists, "postgresql": _document}


# ------------------------------------------------------------------------------------------------ questions
_ASKED: Final = {"sqlite": ('"{}"*', " "), "postgresql": ("'{}':*", " & ")}


def matches(db: Session, asked: str) -> CTE | None:
    """Return what fits, with its ``rank``: the higher the better. None for a text without any words."""
    found = words(asked)[:_MAX_ASKED]
    if not found:
        return None
    dialect = db.get_bind().dialect.name
    term, between = _ASKED[dialect]
    query = text(_FIND[dialect]).bindparams(asked=between.join(term.format(word) for word in found))
    # Looked up once, and not again for each function that it is joined with.
    return query.columns(column("function_id", String), column("rank", Float)).cte("found").prefix_with("MATERIALIZED")
