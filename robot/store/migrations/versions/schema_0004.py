"""Whom to call next: claims with a lease, retries and callbacks at their time, campaigns that run, and daemons."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB, "postgresql")
_TIME = sa.DateTime(timezone=True)
_MAY_BE_CLAIMED = sa.text("next_at IS NOT NULL")
_CLAIMED = sa.text("lease_owner IS NOT NULL")


def upgrade() -> None:
    of_campaigns: tuple[sa.Column[Any], ...] = (
        sa.Column("state", sa.String(16), nullable=False, server_default="stopped"),
        sa.Column("changed_at", _TIME),
        sa.Column("reason", sa.Text),
        sa.Column("folder", sa.Text),
        sa.Column("pace", _JSON, nullable=False, server_default="{}"),
    )
    of_contacts: tuple[sa.Column[Any], ...] = (
        sa.Column("next_at", _TIME),
        sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_outcome", sa.String(64)),
        sa.Column("reason", sa.Text),
        sa.Column("lease_owner", sa.String(64)),
        sa.Column("claims", sa.Integer, nullable=False, server_default="0"),
    )
    for column in of_campaigns:
        op.add_column("campaigns", column)
    for column in of_contacts:
        op.add_column("contacts", column)
    op.execute("UPDATE contacts SET next_at = created_at WHERE state = 'waiting'")
    # Until now only calls that were asked for one by one made contacts: a few.
    op.execute("UPDATE contacts SET attempts = (SELECT count(*) FROM attempts WHERE contact_id = contacts.id)")
    op.drop_index("ix_contacts_campaign_id_state_id", "contacts")
    op.create_index("ix_contacts_campaign_id_state", "contacts", ["campaign_id", "state"])
    op.create_index(
        "ix_contacts_due", "contacts", ["campaign_id", "priority", "next_at", "id"],
        sqlite_where=_MAY_BE_CLAIMED, postgresql_where=_MAY_BE_CLAIMED,
    )  # fmt: skip
    op.create_index(
        "ix_contacts_claimed", "contacts", ["lease_owner"], sqlite_where=_CLAIMED, postgresql_where=_CLAIMED
    )
    op.add_column("attempts", sa.Column("owner", sa.String(64)))
    op.create_table(
        "daemons",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("process", sa.String(64), nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_daemons"),
    )
