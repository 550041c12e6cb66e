"""The outbox in the tables: webhooks are kept until they are delivered. How they are sent is known elsewhere."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from robot.store.records import NewWebhook, StoredWebhook
from robot.store.schema import Webhook
from robot.store.statements import insert_unless_there, rows_changed


class WebhookRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def post(self, new: NewWebhook, next_try_at: datetime) -> None:
        """Again: nothing."""
        row = {
            "id": new.id,
            "url": new.url,
            "event": new.event,
            "body": new.body,
            "created_at": new.created_at,
            "next_try_at": next_try_at,
            "tries": 0,
            "attempt_uuid": new.attempt_uuid,
        }
        insert_unless_there(self._session, Webhook, row, ["id"])

    def claim_due(self, now: datetime, lease: timedelta, limit: int) -> list[StoredWebhook]:
        """Those whose time has come, the oldest first; nobody else gets them until `lease` is over.

        Whoever claims and dies has them tried again after that.
        """
        due = (
            select(Webhook)
            .where(Webhook.next_try_at <= now)
            .order_by(Webhook.next_try_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        claimed = [_stored(webhook) for webhook in self._session.scalars(due)]
        if claimed:
            ours = update(Webhook).where(Webhook.id.in_([webhook.id for webhook in claimed]))
            self._session.execute(ours.values(next_try_at=now + lease).execution_options(synchronize_session=False))
        return claimed

    def next_due_at(self) -> datetime | None:
        """When the first of those that wait is due; None: none waits."""
        return self._session.scalar(select(func.min(Webhook.next_try_at)).where(Webhook.next_try_at.is_not(None)))

    def delivered(self, webhook_id: str, at: datetime) -> None:
        done = update(Webhook).where(Webhook.id == webhook_id)
        self._session.execute(done.values(delivered_at=at, next_try_at=None, tries=Webhook.tries + 1, last_error=None))

    def failed(self, webhook_id: str, error: str, next_try_at: datetime | None) -> None:
        """next_try_at: None gives it up."""
        undelivered = update(Webhook).where(Webhook.id == webhook_id, Webhook.delivered_at.is_(None))
        self._session.execute(undelivered.values(last_error=error, next_try_at=next_try_at, tries=Webhook.tries + 1))

    def get(self, webhook_id: str) -> StoredWebhook | None:
        webhook = self._session.get(Webhook, webhook_id)
        return None if webhook is None else _stored(webhook)

    def waiting(self) -> int:
        """How many are neither delivered nor given up."""
        return self._session.execute(
            select(func.count()).select_from(Webhook).where(Webhook.next_try_at.is_not(None))
        ).scalar_one()

    def delete_finished(self, created_before: datetime) -> int:
        """How many: delivered or given up, and that old."""
        finished = delete(Webhook).where(Webhook.created_at < created_before, Webhook.next_try_at.is_(None))
        return rows_changed(self._session, finished)


def _stored(webhook: Webhook) -> StoredWebhook:
    return StoredWebhook(
        id=webhook.id,
        url=webhook.url,
        event=webhook.event,
        body=webhook.body,
        created_at=webhook.created_at,
        next_try_at=webhook.next_try_at,
        tries=webhook.tries,
        delivered_at=webhook.delivered_at,
        last_error=webhook.last_error,
        attempt_uuid=webhook.attempt_uuid,
    )
