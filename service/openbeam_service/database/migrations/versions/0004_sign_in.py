"""sign in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "identities",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user_id"], ["users.id"], name=op.f("fk_identities_user_id_users"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identities_issuer_subject")),
    )
    op.create_index(op.f("ix_identities_user_id"), "identities", ["user_id"], unique=False)
    op.add_column("users", sa.Column("display", sa.String(length=64), nullable=True))
    op.add_column("users", sa.Column("key_hash", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_users_key_hash"), "users", ["key_hash"], unique=True)
    op.add_column("classes", sa.Column("open", sa.Boolean(), nullable=False, server_default=sa.true()))
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.add_column(sa.Column("folded", sa.String(length=200), nullable=False, server_default=""))
    # Before this revision every member had an account.
    op.execute("UPDATE members SET folded = '@' || name")
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_constraint("uq_members_class_id_name", type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_members_class_id_folded"), ["class_id", "folded"])


def downgrade() -> None:
    """Take back."""
    with op.batch_alter_table("members", schema=None) as batch_op:
        batch_op.drop_constraint("uq_members_class_id_folded", type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_members_class_id_name"), ["class_id", "name"])
        batch_op.drop_column("folded")
    op.drop_column("classes", "open")
    op.drop_index(op.f("ix_users_key_hash"), table_name="users")
    op.drop_column("users", "key_hash")
    op.drop_column("users", "display")
    op.drop_table("identities")
