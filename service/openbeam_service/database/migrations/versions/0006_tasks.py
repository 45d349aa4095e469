"""What tasks printed and where they were lost; runs that are kept, that go on with another, whose result is gone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("runs") as batch_op:
        batch_op.add_column(sa.Column("resubmits", sa.String(length=36), nullable=True))
        batch_op.add_column(sa.Column("kept", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("forgotten", sa.DateTime(timezone=True), nullable=True))
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.add_column(sa.Column("losses", sa.JSON(none_as_null=True), nullable=True))
        batch_op.add_column(sa.Column("worker", sa.String(length=100), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("forgotten", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("stdout", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("stderr", sa.Text(), nullable=True))
        batch_op.drop_column("kills")


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.add_column(sa.Column("kills", sa.Integer(), nullable=False, server_default="0"))
        for name in ("stderr", "stdout", "forgotten", "worker", "losses"):
            batch_op.drop_column(name)
    with op.batch_alter_table("runs") as batch_op:
        for name in ("forgotten", "kept", "resubmits"):
            batch_op.drop_column(name)
