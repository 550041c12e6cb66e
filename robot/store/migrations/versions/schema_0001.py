"""Campaigns, contacts, attempts, and what was said and measured in each."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_CHANNEL_UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB, "postgresql")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "campaigns",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_campaigns"),
        sa.UniqueConstraint("name", name="uq_campaigns_name"),
    )
    op.create_table(
        "contacts",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("campaign_id", _ROW_ID, nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("fields", _JSON, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_contacts"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_contacts_campaign_id_campaigns"),
        sa.UniqueConstraint("campaign_id", "number", name="uq_contacts_campaign_id_number"),
        sa.CheckConstraint("number LIKE '+%'", name="ck_contacts_number_e164"),
    )
    op.create_index("ix_contacts_campaign_id_state_id", "contacts", ["campaign_id", "state", "id"])
    op.create_index("ix_contacts_number", "contacts", ["number"])
    op.create_table(
        "attempts",
        sa.Column("uuid", _CHANNEL_UUID, nullable=False),
        sa.Column("campaign_id", _ROW_ID, nullable=False),
        sa.Column("contact_id", _ROW_ID, nullable=False),
        sa.Column("number", sa.String(16), nullable=False),
        sa.Column("caller_id", sa.String(64)),
        sa.Column("gateway", sa.String(64), nullable=False),
        sa.Column("node", sa.String(255), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("answered_at", _TIME),
        sa.Column("ended_at", _TIME),
        sa.Column("outcome", sa.String(64)),
        sa.Column("hangup_cause", sa.String(64)),
        sa.Column("amd", sa.String(32)),
        sa.Column("ring_ms", sa.Integer),
        sa.Column("talk_ms", sa.Integer),
        sa.Column("recording", sa.Text),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("uuid", name="pk_attempts"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.id"], name="fk_attempts_campaign_id_campaigns"),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name="fk_attempts_contact_id_contacts"),
        sa.CheckConstraint("number LIKE '+%'", name="ck_attempts_number_e164"),
        sa.CheckConstraint("outcome IS NULL OR ended_at IS NOT NULL", name="ck_attempts_outcome_has_end"),
    )
    op.create_index("ix_attempts_contact_id", "attempts", ["contact_id"])
    op.create_index("ix_attempts_campaign_id_outcome", "attempts", ["campaign_id", "outcome"])
    op.create_index("ix_attempts_number_created_at", "attempts", ["number", "created_at"])
    unfinished = sa.text("outcome IS NULL")
    op.create_index(
        "ix_attempts_unfinished", "attempts", ["created_at"], sqlite_where=unfinished, postgresql_where=unfinished
    )
    _create_table_of_attempt(
        "turns",
        sa.Column("speaker", sa.String(8), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("intent", sa.String(64)),
        sa.Column("start_ms", sa.Integer, nullable=False),
        sa.Column("end_ms", sa.Integer, nullable=False),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.CheckConstraint("speaker IN ('robot', 'callee')", name="ck_turns_speaker"),
    )
    _create_table_of_attempt(
        "barge_ins",
        sa.Column("at_ms", sa.Integer, nullable=False),
        sa.Column("speech_ms", sa.Integer, nullable=False),
        sa.Column("text", sa.Text),
        sa.Column("detect_ms", sa.Float),
        sa.Column("break_ms", sa.Float),
    )
    _create_table_of_attempt(
        "latencies",
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("endpoint_ms", sa.Integer),
        sa.Column("stt_ms", sa.Integer),
        sa.Column("llm_ms", sa.Integer),
        sa.Column("tts_ms", sa.Integer),
        sa.Column("total_ms", sa.Integer, nullable=False),
    )


def _create_table_of_attempt(name: str, *columns: sa.schema.SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("attempt_uuid", _CHANNEL_UUID, nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        *columns,
        sa.PrimaryKeyConstraint("attempt_uuid", "seq", name=f"pk_{name}"),
        sa.ForeignKeyConstraint(
            ["attempt_uuid"], ["attempts.uuid"], name=f"fk_{name}_attempt_uuid_attempts", ondelete="CASCADE"
        ),
    )
