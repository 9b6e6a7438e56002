"""Apps, agents and the callback outbox."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "apps",
        sa.Column("app_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("server_secret", sa.String(64), nullable=False),
        sa.Column("callback_secret", sa.String(64), nullable=False),
        sa.Column("callback_urls", sa.JSON, nullable=False),
        sa.Column("demo", sa.Boolean, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "agents",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("app_id", sa.BigInteger, sa.ForeignKey("apps.app_id", ondelete="CASCADE"), nullable=False),
        sa.Column("agent_id", sa.String(128), nullable=False),
        sa.Column("name", sa.String(256), nullable=False),
        sa.Column("llm", sa.JSON),
        sa.Column("tts", sa.JSON),
        sa.Column("asr", sa.JSON),
        sa.Column("vad", sa.JSON),
        sa.UniqueConstraint("app_id", "agent_id", name="uq_agents_app_agent"),
    )
    op.create_table(
        "callback_outbox",
        sa.Column("id", ROW_ID, primary_key=True, autoincrement=True),
        sa.Column("app_id", sa.BigInteger, nullable=False),
        sa.Column("instance_id", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", sa.Float, nullable=False),
    )
    op.create_index("ix_callback_outbox_instance", "callback_outbox", ["instance_id", "id"])


def downgrade() -> None:
    op.drop_table("callback_outbox")
    op.drop_table("agents")
    op.drop_table("apps")
