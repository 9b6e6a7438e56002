"""What an agent has beyond the compatible API."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agents", sa.Column("extras", sa.JSON))


def downgrade() -> None:
    op.drop_column("agents", "extras")
