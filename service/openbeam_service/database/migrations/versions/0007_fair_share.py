"""Groups of calls, and what tasks have used."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.add_column(sa.Column("group_id", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("number", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("cpu", sa.Double(), nullable=False, server_default="0"))
        batch_op.create_index(batch_op.f("ix_tasks_group_id_tasks_number"), ["group_id", "number"], unique=False)
    # Each call of before is a group of its own.
    op.execute("UPDATE tasks SET group_id = id, number = 0 WHERE run_id IS NULL AND file_uri IS NULL")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.drop_index(batch_op.f("ix_tasks_group_id_tasks_number"))
        batch_op.drop_column("cpu")
        batch_op.drop_column("number")
        batch_op.drop_column("group_id")
