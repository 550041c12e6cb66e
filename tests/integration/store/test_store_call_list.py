"""Calls for people to look through, and outcomes by when calls began, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from robot.store.call_list import CallLine, CallList, Wanted
from robot.store.database import Database
from robot.store.reporting import Period, ReportRepository, campaign_id_of
from tests.integration.store.test_store_reporting import Book

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def uuids(database: Database) -> list[str]:
    """Of six calls, the newest first; the two newest began in the same moment."""
    book = Book(database)
    begun = [
        book.call(NOON, "interested", talk_ms=9000, amd="human"),
        book.call(NOON + timedelta(minutes=1), "busy", campaign="autumn"),
        book.call(NOON + timedelta(minutes=2), None),
        book.incoming(NOON + timedelta(minutes=14)),
        book.call(NOON + timedelta(minutes=16), "busy"),
        book.call(NOON + timedelta(minutes=16), "interested", campaign="autumn", talk_ms=1),
    ]
    return begun[::-1]


def listed(database: Database, wanted: Wanted, limit: int = 100) -> list[str]:
    """All pages."""
    found: list[CallLine] = []
    while True:
        before = (found[-1].created_at, found[-1].uuid) if found else None
        with database.read() as session:
            page = CallList(session).page(wanted, before, limit)
        found += page
        if len(page) < limit:
            return [line.uuid for line in found]


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7])
def test_page_by_page_each_call_comes_once_and_the_newest_first(
    database: Database, uuids: list[str], limit: int
) -> None:
    assert listed(database, Wanted(), limit) == uuids


def test_calls_are_chosen(database: Database, uuids: list[str]) -> None:
    newest, busy, incoming, going_on, autumn, oldest = uuids
    assert listed(database, Wanted("autumn")) == [newest, autumn]
    assert listed(database, Wanted(outcome="busy")) == [busy, autumn]
    assert listed(database, Wanted(outcome="")) == [incoming, going_on]
    assert listed(database, Wanted(answered=True)) == [newest, oldest]
    assert listed(database, Wanted("spring", answered=False)) == [busy, incoming, going_on]
    assert listed(database, Wanted(period=Period(NOON + timedelta(minutes=2), NOON + timedelta(minutes=16)))) == [
        incoming, going_on,
    ]  # fmt: skip
    assert listed(database, Wanted("winter")) == []


def test_a_line_tells_what_a_list_shows(database: Database, uuids: list[str]) -> None:
    with database.read() as session:
        oldest = CallList(session).page(Wanted("spring", "interested"), None, 10)[0]
    assert (oldest.campaign, oldest.direction, oldest.amd, oldest.talk_ms) == ("spring", "outgoing", "human", 9000)
    assert (oldest.created_at, oldest.recording) == (NOON, False)


def test_outcomes_are_counted_by_the_quarter_of_an_hour_in_which_calls_began(
    database: Database, uuids: list[str]
) -> None:
    with database.read() as session:
        campaign_id = campaign_id_of(session, "spring")
        assert campaign_id is not None
        counted = ReportRepository(session, campaign_id).outcomes_by_bucket()
    first, second = int(NOON.timestamp()), int((NOON + timedelta(minutes=15)).timestamp())
    assert counted == {"interested": {first: 1}, "busy": {second: 1}}
