"""Calls that come in, which may have neither campaign nor number, and how long a recording is kept."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_KEPT = sa.text("recording_expires_at IS NOT NULL")
# SQLite's copy of a table keeps the checks that are named here and no others.
_CHECKS = (
    sa.CheckConstraint("number LIKE '+%'", name="ck_attempts_number_e164"),
    sa.CheckConstraint("outcome IS NULL OR ended_at IS NOT NULL", name="ck_attempts_outcome_has_end"),
)


def upgrade() -> None:
    with op.batch_alter_table("attempts", table_args=_CHECKS) as attempts:
        attempts.add_column(sa.Column("direction", sa.String(8), nullable=False, server_default="outgoing"))
        attempts.add_column(sa.Column("recording_expires_at", _TIME))
        for name, kind in (
            ("campaign_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
            ("contact_id", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
            ("number", sa.String(16)),
            ("gateway", sa.String(64)),
        ):
            attempts.alter_column(name, existing_type=kind, nullable=True)
        attempts.create_check_constraint(
            op.f("ck_attempts_direction"),
            "direction = 'incoming' OR direction = 'outgoing' AND campaign_id IS NOT NULL AND contact_id IS NOT NULL "
            "AND number IS NOT NULL AND gateway IS NOT NULL",
        )
    op.create_index(
        "ix_attempts_recordings", "attempts", ["recording_expires_at"], sqlite_where=_KEPT, postgresql_where=_KEPT
    )
