"""Digital humans that belong to an app."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "digital_humans",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("app_id", sa.BigInteger, nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("voices", sa.JSON, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_digital_humans_app", "digital_humans", ["app_id"])


def downgrade() -> None:
    op.drop_table("digital_humans")
