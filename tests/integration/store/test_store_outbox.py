"""The outbox, the same on both databases: what is posted is kept until it is delivered, and claimed by one alone."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from robot.store.database import Database
from robot.store.facts import WebhookDue, WebhookTried
from robot.store.outbox import WebhookRepository
from robot.store.records import NewWebhook
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
LEASE = timedelta(seconds=40)
SECOND = timedelta(seconds=1)


def webhook(created_at: datetime = NOW) -> NewWebhook:
    return NewWebhook(str(uuid4()), "https://example.com/hook", "outcome", '{"outcome": "yes"}', created_at, None)


async def test_what_is_posted_waits_until_it_is_delivered(store: Store) -> None:
    new = webhook()
    await store.record(WebhookDue(new, new.created_at))
    await store.record(WebhookDue(new, new.created_at))
    assert await store.waiting_webhooks() == 1
    [due] = await store.due_webhooks(NOW, LEASE, 10)
    for name in NewWebhook.__dataclass_fields__:
        assert getattr(due, name) == getattr(new, name), name
    await store.record(WebhookTried(new.id, NOW + SECOND, None, None))
    assert await store.waiting_webhooks() == 0
    assert await store.next_webhook_due_at() is None
    stored = await store.webhook(new.id)
    assert stored is not None
    assert (stored.delivered_at, stored.tries, stored.next_try_at) == (NOW + SECOND, 1, None)


async def test_the_oldest_come_first_and_none_before_its_time(store: Store) -> None:
    late, early, later = webhook(NOW), webhook(NOW - SECOND), webhook(NOW + SECOND)
    for each in (late, early, later):
        await store.record(WebhookDue(each, each.created_at))
    assert await store.next_webhook_due_at() == NOW - SECOND
    assert [each.id for each in await store.due_webhooks(NOW, LEASE, 1)] == [early.id]
    assert [each.id for each in await store.due_webhooks(NOW, LEASE, 10)] == [late.id]
    assert await store.due_webhooks(NOW, LEASE, 10) == []


async def test_one_whose_claimer_died_is_due_again_after_the_lease(store: Store) -> None:
    new = webhook()
    await store.record(WebhookDue(new, new.created_at))
    await store.due_webhooks(NOW, LEASE, 10)
    assert await store.due_webhooks(NOW + LEASE - SECOND, LEASE, 10) == []
    assert [each.id for each in await store.due_webhooks(NOW + LEASE, LEASE, 10)] == [new.id]


async def test_one_that_failed_is_due_when_it_is_said_or_never_again(store: Store) -> None:
    new = webhook()
    await store.record(WebhookDue(new, new.created_at))
    await store.record(WebhookTried(new.id, NOW, "status 503", NOW + 5 * SECOND))
    assert await store.due_webhooks(NOW + 4 * SECOND, LEASE, 10) == []
    [due] = await store.due_webhooks(NOW + 5 * SECOND, LEASE, 10)
    assert (due.tries, due.last_error) == (1, "status 503")
    await store.record(WebhookTried(new.id, NOW, "status 410", None))
    assert await store.due_webhooks(NOW + timedelta(days=9), LEASE, 10) == []
    assert await store.waiting_webhooks() == 0


async def test_a_failure_that_comes_after_the_delivery_changes_nothing(store: Store) -> None:
    new = webhook()
    await store.record(WebhookDue(new, new.created_at))
    await store.record(WebhookTried(new.id, NOW, None, None))
    await store.record(WebhookTried(new.id, NOW, "timed out", NOW))
    stored = await store.webhook(new.id)
    assert stored is not None
    assert (stored.next_try_at, stored.last_error) == (None, None)


async def test_the_finished_are_deleted_when_they_are_old(store: Store) -> None:
    delivered, given_up, waiting, young = webhook(), webhook(), webhook(), webhook(NOW + SECOND)
    for each in (delivered, given_up, waiting, young):
        await store.record(WebhookDue(each, each.created_at))
    await store.record(WebhookTried(delivered.id, NOW, None, None))
    await store.record(WebhookTried(given_up.id, NOW, "status 410", None))
    await store.record(WebhookTried(young.id, NOW, None, None))
    assert await store.delete_finished_webhooks(NOW + SECOND) == 2
    assert await store.webhook(waiting.id) is not None
    assert await store.webhook(young.id) is not None
    assert await store.webhook(delivered.id) is None


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one writer: the second waits for the first
def test_two_that_claim_at_once_get_different_ones(database: Database) -> None:
    with database.write() as session:
        for _ in range(4):
            WebhookRepository(session).post(webhook(), NOW)
    with ExitStack() as stack:
        first, second = (stack.enter_context(database.write()) for _ in range(2))
        claimed = [WebhookRepository(each).claim_due(NOW, LEASE, 2) for each in (first, second)]
    assert len({each.id for some in claimed for each in some}) == 4
