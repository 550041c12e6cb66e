"""How campaigns stand: why a daemon calls nobody at the moment, and outcomes counted from an index alone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB, "postgresql")


def upgrade() -> None:
    op.add_column("daemons", sa.Column("reasons", _JSON, nullable=False, server_default="{}"))
    op.drop_index("ix_attempts_campaign_id_outcome", "attempts")
    op.create_index("ix_attempts_campaign_id_direction_outcome", "attempts", ["campaign_id", "direction", "outcome"])
