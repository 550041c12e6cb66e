"""What a conversation leaves behind: who picked up and why we think so, what was asked for, the do-not-call list, and
webhooks that wait for their delivery."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB, "postgresql")
_TIME = sa.DateTime(timezone=True)
_EVERYWHERE = sa.text("campaign_id IS NULL")
_DUE = sa.text("next_try_at IS NOT NULL")


def upgrade() -> None:
    for column in (
        sa.Column("amd_confidence", sa.Float),
        sa.Column("amd_reason", sa.Text),
        sa.Column("callback_earliest", _TIME),
        sa.Column("callback_latest", _TIME),
        sa.Column("transferred_to", sa.Text),
        sa.Column("answers", _JSON, nullable=False, server_default="{}"),
    ):
        op.add_column("attempts", column)
    for column in (
        sa.Column("step", sa.String(64)),
        sa.Column("intent_confidence", sa.Float),
        sa.Column("intent_reason", sa.Text),
    ):
        op.add_column("turns", column)
    op.create_table(
        "do_not_call",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("number", sa.String(16)),
        sa.Column("pattern", sa.String(16)),
        sa.Column("campaign_id", _ROW_ID),
        sa.Column("added_at", _TIME, nullable=False),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("attempt_uuid", _UUID),
        sa.Column("note", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_do_not_call"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_do_not_call_campaign_id_campaigns"),
        sa.UniqueConstraint("number", "campaign_id", name="uq_do_not_call_number_campaign_id"),
        sa.UniqueConstraint("pattern", "campaign_id", name="uq_do_not_call_pattern_campaign_id"),
        sa.CheckConstraint(
            "number LIKE '+%' AND pattern IS NULL OR number IS NULL AND pattern LIKE '+%*'",
            name="ck_do_not_call_number_or_pattern",
        ),
    )
    for name in ("number", "pattern"):
        op.create_index(
            f"ix_do_not_call_{name}_everywhere", "do_not_call", [name], unique=True,
            sqlite_where=_EVERYWHERE, postgresql_where=_EVERYWHERE,
        )  # fmt: skip
    op.create_table(
        "webhooks",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("next_try_at", _TIME),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("delivered_at", _TIME),
        sa.Column("last_error", sa.Text),
        sa.Column("attempt_uuid", _UUID),
        sa.PrimaryKeyConstraint("id", name="pk_webhooks"),
    )
    op.create_index("ix_webhooks_due", "webhooks", ["next_try_at"], sqlite_where=_DUE, postgresql_where=_DUE)
    op.create_index("ix_webhooks_created_at", "webhooks", ["created_at"])
