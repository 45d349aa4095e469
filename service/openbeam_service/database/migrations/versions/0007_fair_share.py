"""Groups of calls, what tasks have used, and quotas."""

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
    op.create_table(
        "quotas",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=True),
        sa.Column("class_id", sa.String(length=36), nullable=True),
        sa.Column("runs", sa.Integer(), nullable=True),
        sa.Column("tasks", sa.Integer(), nullable=True),
        sa.Column("cpu_seconds", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(
            ["class_id"], ["classes.id"], name=op.f("fk_quotas_class_id_classes"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_quotas_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quotas")),
        sa.UniqueConstraint("class_id", name=op.f("uq_quotas_class_id")),
        sa.UniqueConstraint("user_id", name=op.f("uq_quotas_user_id")),
    )
    op.create_table(
        "usage",
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("hour", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cpu", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=op.f("fk_usage_user_id_users"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "hour", name=op.f("pk_usage")),
    )
    op.create_index(op.f("ix_usage_hour"), "usage", ["hour"], unique=False)
    # Each call of before is a group of its own.
    op.execute("UPDATE tasks SET group_id = id, number = 0 WHERE run_id IS NULL AND file_uri IS NULL")


def downgrade() -> None:
    """Take back."""
    op.drop_table("usage")
    op.drop_table("quotas")
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.drop_index(batch_op.f("ix_tasks_group_id_tasks_number"))
        batch_op.drop_column("cpu")
        batch_op.drop_column("number")
        batch_op.drop_column("group_id")
