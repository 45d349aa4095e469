"""Outputs of tasks, and sealed credentials for the places that they go to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    with op.batch_alter_table("endpoints") as batch_op:
        batch_op.add_column(sa.Column("sealing_key", sa.JSON(none_as_null=True), nullable=True))
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.add_column(sa.Column("outputs_to", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("outputs", sa.JSON(none_as_null=True), nullable=True))
    op.create_table(
        "credentials",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("endpoint_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("destination", sa.String(length=500), nullable=False),
        sa.Column(
            "kind",
            sa.Enum("token", "x509", "sss", name="credentialkind", native_enum=False, length=16),
            nullable=False,
        ),
        sa.Column("key_id", sa.String(length=43), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoints.id"], name=op.f("fk_credentials_endpoint_id_endpoints"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_credentials_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_credentials")),
        sa.UniqueConstraint("user_id", "endpoint_id", "name", name=op.f("uq_credentials_user_id_endpoint_id_name")),
    )
    op.create_index(op.f("ix_credentials_endpoint_id"), "credentials", ["endpoint_id"], unique=False)


def downgrade() -> None:
    """Take back."""
    op.drop_table("credentials")
    with op.batch_alter_table("tasks") as batch_op:
        batch_op.drop_column("outputs")
        batch_op.drop_column("outputs_to")
    with op.batch_alter_table("endpoints") as batch_op:
        batch_op.drop_column("sealing_key")
