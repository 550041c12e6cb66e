"""No look-up reads a whole table: the plans of the very statements that the repositories send."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.do_not_call import DoNotCallRepository
from robot.store.outbox import WebhookRepository
from robot.store.records import AttemptResult, NewAttempt, TurnRecord
from robot.store.repositories import AttemptRepository
from tests.integration.store.plans import statements, whole_tables_read

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
RESULT = AttemptResult("do_not_call", None, None, None, None, None, NOW, None, None)
TURN = TurnRecord(1, "robot", "Hello", None, 0, 1000, interrupted=False)
UUID = str(uuid4())

LOOK_UPS: dict[str, Callable[[Session], object]] = {
    "ensure a campaign": lambda session: CampaignRepository(session).ensure("spring"),
    "ensure a contact": lambda session: ContactRepository(session).ensure(1, "+33140000001", {}),
    "count states": lambda session: ContactRepository(session).states("spring"),
    "mark answered": lambda session: AttemptRepository(session).mark_answered(UUID, NOW, 1),
    "save progress": lambda session: AttemptRepository(session).save_progress(UUID, [TURN], [], []),
    "get": lambda session: AttemptRepository(session).get(UUID),
    "unfinished": lambda session: AttemptRepository(session).unfinished(),
    "count outcomes": lambda session: AttemptRepository(session).outcomes("spring"),
    "is on the do-not-call list": lambda session: DoNotCallRepository(session).find("+33140000001", "spring"),
    "off the do-not-call list": lambda session: DoNotCallRepository(session).remove("+33140000001", "spring"),
    "a page of the do-not-call list": lambda session: DoNotCallRepository(session).page(None, 1, 10),
    "due webhooks": lambda session: WebhookRepository(session).claim_due(NOW, timedelta(minutes=1), 10),
    "next webhook": lambda session: WebhookRepository(session).next_due_at(),
    "count webhooks": lambda session: WebhookRepository(session).waiting(),
    "finish": lambda session: AttemptRepository(session).finish(UUID, RESULT, [TURN], [], []),
}


@pytest.mark.parametrize("name", LOOK_UPS)
def test_the_look_up_uses_an_index(database: Database, name: str) -> None:
    with database.write() as session:
        AttemptRepository(session).begin(NewAttempt(UUID, "spring", "+33140000001", None, "carrier", "fs1", NOW))
    with statements() as sent, database.write() as session:
        LOOK_UPS[name](session)
    looked_up = [(sql, values) for sql, values in sent if sql.lstrip().startswith(("SELECT", "UPDATE", "DELETE"))]
    assert looked_up
    with database.write() as session:
        for sql, values in looked_up:
            assert whole_tables_read(session, sql, values) == [], sql


def test_what_campaigns_will_ask_for_has_its_index(database: Database) -> None:
    asked = [
        "SELECT id FROM contacts WHERE number = '+33140000001'",
        "SELECT count(*) FROM attempts WHERE number = '+33140000001' AND created_at >= '2026-11-21 00:00:00'",
        "SELECT uuid FROM attempts WHERE contact_id = 1",
    ]
    with database.write() as session:
        for sql in asked:
            assert whole_tables_read(session, sql, ()) == [], sql


def test_a_look_up_without_an_index_is_noticed(database: Database) -> None:
    with database.write() as session:
        assert whole_tables_read(session, "SELECT uuid FROM attempts WHERE node = 'fs1'", ())
