"""registry: who sees functions and endpoints, deprecation, policies, full-text search."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SEARCH = {
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


def _visibility() -> sa.Column[str]:
    words = sa.Enum("private", "class", "public", name="visibility", native_enum=False, length=16)
    return sa.Column("visibility", words, nullable=False, server_default="private")


def _functions() -> list[sa.Column[Any]]:
    return [
        _visibility(),
        sa.Column("environment", sa.String(length=120), nullable=True),
        sa.Column("deprecated", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False, server_default=""),
        sa.Column("successor", sa.String(length=120), nullable=True),
        sa.Column("deleted", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "format",
            sa.Enum("source", "pickle", name="codeformat", native_enum=False, length=16),
            nullable=False,
            server_default="source",
        ),
        sa.Column("python", sa.String(length=8), nullable=False, server_default=""),
        sa.Column("docstring", sa.Text(), nullable=False, server_default=""),
    ]


def _endpoints() -> list[sa.Column[Any]]:
    return [
        _visibility(),
        sa.Column(
            "approval",
            sa.Enum("requested", "approved", "declined", name="approvalstate", native_enum=False, length=16),
            nullable=True,
        ),
        sa.Column("approval_note", sa.String(length=500), nullable=False, server_default=""),
        sa.Column("labels", sa.JSON(none_as_null=True), nullable=False, server_default="{}"),
        sa.Column(
            "users",
            sa.Enum("owner", "classes", "all", name="endpointusers", native_enum=False, length=16),
            nullable=False,
            server_default="all",
        ),
        sa.Column("allowed_functions", sa.JSON(none_as_null=True), nullable=False, server_default="[]"),
        sa.Column("allowed_environments", sa.JSON(none_as_null=True), nullable=False, server_default="[]"),
        sa.Column("packages", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
    ]


def _shares(kind: str) -> None:
    name = f"{kind}_shares"
    op.create_table(
        name,
        sa.Column(f"{kind}_id", sa.String(length=36), nullable=False),
        sa.Column("class_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["class_id"], ["classes.id"], name=op.f(f"fk_{name}_class_id_classes"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            [f"{kind}_id"], [f"{kind}s.id"], name=op.f(f"fk_{name}_{kind}_id_{kind}s"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint(f"{kind}_id", "class_id", name=op.f(f"pk_{name}")),
    )
    op.create_index(op.f(f"ix_{name}_class_id"), name, ["class_id"], unique=False)


# Columns are added and dropped in place, not by making a table anew: other tables' rows hang on these.
def upgrade() -> None:
    """Apply. What was public stays public; functions are put into the search index when the service is set up."""
    for table, columns in (("functions", _functions()), ("endpoints", _endpoints())):
        for column in columns:
            op.add_column(table, column)
        op.execute(f"UPDATE {table} SET visibility = 'public' WHERE public")  # noqa: S608  two names of ours
        op.drop_column(table, "public")
    op.create_index(op.f("ix_functions_sha256"), "functions", ["sha256"], unique=False)
    _shares("function")
    _shares("endpoint")
    for statement in _SEARCH[op.get_bind().dialect.name]:
        op.execute(statement)


def downgrade() -> None:
    """Take back. What was shared with a class becomes private."""
    op.drop_table("function_search")
    for kind in ("endpoint", "function"):
        op.drop_index(op.f(f"ix_{kind}_shares_class_id"), f"{kind}_shares")
        op.drop_table(f"{kind}_shares")
    op.drop_index(op.f("ix_functions_sha256"), "functions")
    for table, columns in (("functions", _functions()), ("endpoints", _endpoints())):
        op.add_column(table, sa.Column("public", sa.Boolean(), nullable=False, server_default=sa.false()))
        op.execute(f"UPDATE {table} SET public = (visibility = 'public')")  # noqa: S608  two names of ours
        for column in columns:
            op.drop_column(table, column.name)
