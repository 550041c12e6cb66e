"""The stages of a generated reply, and what went wrong in a call."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("text_at_ms", "model_at_ms", "token_at_ms", "phrase_at_ms", "synthesis_at_ms"):
        op.add_column("latencies", sa.Column(name, sa.Integer))
    op.add_column("attempts", sa.Column("faults", sa.String(255)))
