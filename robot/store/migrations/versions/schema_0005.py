"""A campaign's attempts in the order of time: reports of some days, and exports a page at a time."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_attempts_campaign_id_created_at", "attempts", ["campaign_id", "created_at"])
