"""Which calls came to an agent and which were abandoned, so that their share is known over days and restarts."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_CAME_TO_ONE = sa.text("handover IS NOT NULL")


def upgrade() -> None:
    op.add_column("attempts", sa.Column("handover", sa.String(16)))
    op.create_index(
        "ix_attempts_handovers",
        "attempts",
        ["campaign_id", "created_at", "handover"],
        sqlite_where=_CAME_TO_ONE,
        postgresql_where=_CAME_TO_ONE,
    )
