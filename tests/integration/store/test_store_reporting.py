"""What reports read, from attempts that were written as calls write them, on both databases."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from robot.campaign.agents import Handovers
from robot.campaign.report import Report, Slot, make_report
from robot.store.database import Database
from robot.store.records import AttemptResult, Handover, NewAttempt, NewIncomingCall, TurnRecord
from robot.store.reporting import (
    AmdCount,
    BucketCount,
    NamedCount,
    OutcomeCount,
    Period,
    ReportRepository,
    StepCount,
    all_calls,
    campaign_id_of,
    campaign_names,
)
from robot.store.repositories import AttemptRepository
from robot.store.store import Store
from tests.integration.store.plans import statements, whole_tables_read

PARIS = ZoneInfo("Europe/Paris")
# A Saturday night in Paris, and the hour that it has twice.
NIGHT = datetime(2026, 10, 24, 23, 30, tzinfo=UTC)
SPOKEN = (
    TurnRecord(1, "robot", "Good morning", None, 0, 1000, interrupted=True, step="greeting"),
    TurnRecord(2, "callee", "Yes", "yes", 900, 1500, interrupted=False, step="greeting"),
    TurnRecord(3, "robot", "Goodbye", None, 2000, 3000, interrupted=False, step="goodbye"),
)


ALL = Period()


class Book:
    """Writes attempts of the campaign `spring`, each with a number of its own unless said."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._serial = itertools.count(1)

    def call(
        self, at: datetime, outcome: str | None, *, talk_ms: int | None = None, turns: tuple[TurnRecord, ...] = (),
        contact: int | None = None, campaign: str = "spring", amd: str | None = None, gateway: str = "carrier",
        handover: Handover | None = None, faults: tuple[str, ...] = (),
    ) -> str:  # fmt: skip
        serial = next(self._serial)
        uuid = str(UUID(int=serial, version=4))
        number = f"+33140{contact or serial:06}"
        new = NewAttempt(uuid, campaign, number, "+33199000001", gateway, "fs1", at, {"name": "Ann"})
        with self._database.write() as session:
            attempts = AttemptRepository(session)
            attempts.begin(new)
            if outcome is not None:
                answered_at = None if talk_ms is None else at + timedelta(seconds=5)
                result = AttemptResult(
                    outcome, "NORMAL_CLEARING", amd, None, talk_ms, answered_at, at + timedelta(minutes=1), None, None,
                    amd_confidence=None if amd is None else 0.8, handover=handover, faults=faults,
                )  # fmt: skip
                attempts.finish(uuid, result, turns, [], [])
        return uuid

    def incoming(self, at: datetime) -> str:
        uuid = str(UUID(int=next(self._serial), version=4))
        with self._database.write() as session:
            attempts = AttemptRepository(session)
            attempts.begin_incoming(NewIncomingCall(uuid, "spring", None, "=1+1", "fs1", at))
        return uuid


@pytest.fixture
def book(database: Database) -> Book:
    return Book(database)


COUNTS = (
    "contacts", "incoming", "outcomes", "buckets", "talk_seconds", "attempts_per_contact", "hangup_causes", "gateways",
    "caller_ids", "amd", "steps", "handovers", "faults",
)  # fmt: skip


def counts(database: Database, period: Period = ALL) -> dict[str, Any]:
    with database.read() as session:
        campaign_id = campaign_id_of(session, "spring")
        assert campaign_id is not None
        found = ReportRepository(session, campaign_id, period)
        return {name: getattr(found, name)() for name in COUNTS}


def test_what_is_counted(database: Database, book: Book) -> None:
    book.call(NIGHT, "interested", talk_ms=12_000, turns=SPOKEN, amd="human", contact=1)
    book.call(NIGHT + timedelta(minutes=20), "no_answer", contact=2)
    book.call(NIGHT + timedelta(minutes=21), "hung_up", talk_ms=9_999, turns=SPOKEN[:2], contact=2, gateway="other")
    book.call(NIGHT + timedelta(minutes=22), None, contact=3)
    book.call(NIGHT, "completed", talk_ms=1, campaign="autumn")
    book.incoming(NIGHT)
    found = counts(database)
    assert sum(found["contacts"].values()) == 3
    assert found["incoming"] == 1
    assert sorted(found["outcomes"], key=str) == [
        OutcomeCount("hung_up", 1, 1, 9_999),
        OutcomeCount("interested", 1, 1, 12_000),
        OutcomeCount("no_answer", 1, 0, 0),
        OutcomeCount(None, 1, 0, 0),
    ]
    assert found["buckets"] == [BucketCount(NIGHT, 1, 1), BucketCount(NIGHT + timedelta(minutes=15), 3, 1)]
    assert found["talk_seconds"] == {0: 1, 1: 1}
    assert found["attempts_per_contact"] == {1: 2, 2: 1}
    assert found["hangup_causes"] == [NamedCount("NORMAL_CLEARING", 3, 2), NamedCount(None, 1, 0)]
    assert found["gateways"] == [NamedCount("carrier", 3, 1), NamedCount("other", 1, 1)]
    assert found["caller_ids"] == [NamedCount("+33199000001", 4, 2)]
    assert sorted(found["amd"], key=str) == [AmdCount("human", 1, 0.8), AmdCount(None, 1, None)]
    assert sorted(found["steps"], key=str) == [
        StepCount("goodbye", 1, 1, 0, 3.0),
        StepCount("greeting", 2, 1, 2, 1.0),
    ]


def test_faults_are_counted_once_a_call(database: Database, book: Book) -> None:
    book.call(NIGHT, "failed", talk_ms=1, faults=("LLM_FAIL", "LLM_FAIL", "ASR_FAIL"))
    book.call(NIGHT, "completed", talk_ms=1, faults=("LLM_FAIL",))
    book.call(NIGHT, "failed", faults=("INTERNAL",))
    book.call(NIGHT, "completed", talk_ms=1)
    book.call(NIGHT, "failed", faults=("INTERNAL",), campaign="autumn")
    assert counts(database)["faults"] == [
        NamedCount("LLM_FAIL", 2, 2),
        NamedCount("ASR_FAIL", 1, 1),
        NamedCount("INTERNAL", 1, 0),
    ]


async def test_abandoned_calls_are_counted_by_day_over_restarts(database: Database, book: Book) -> None:
    for hours, handover in ((0, None), (0, Handover.CONNECTED), (1, Handover.ABANDONED), (1, Handover.ABANDONED)):
        book.call(NIGHT + timedelta(hours=hours), "completed", talk_ms=1, handover=handover)
    book.call(NIGHT, "completed", talk_ms=1, handover=Handover.ABANDONED, campaign="autumn")
    days = {
        NIGHT.date(): {Handover.CONNECTED: 1},
        NIGHT.date() + timedelta(days=1): {Handover.ABANDONED: 2},
    }
    assert counts(database)["handovers"] == days
    with database.read() as session:
        campaign_id = campaign_id_of(session, "spring")
    assert campaign_id is not None
    report = make_report(database, campaign_id, "spring", PARIS, ALL, NIGHT)
    assert report.handovers == Handovers(connected=1, abandoned=2)
    assert report.as_json()["handovers"] == {"connected": 1, "abandoned": 2}
    store = Store(database)
    assert await store.handovers("spring", NIGHT) == days
    assert list(await store.handovers("spring", NIGHT + timedelta(hours=1))) == [NIGHT.date() + timedelta(days=1)]
    assert await store.handovers("nobody's", NIGHT) == {}
    await store.close()


def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(database: Database, book: Book) -> None:
    for minutes in (0, 1, 2):
        book.call(NIGHT + timedelta(minutes=minutes), "no_answer")
    period = Period(NIGHT, NIGHT + timedelta(minutes=2))
    assert counts(database, period)["outcomes"] == [OutcomeCount("no_answer", 2, 0, 0)]
    assert counts(database, Period(NIGHT + timedelta(hours=1)))["outcomes"] == []


def test_the_report_is_in_the_hours_of_the_callees(database: Database, book: Book) -> None:
    # 01:30 and 02:30 of the summer, 02:30 of the winter: two hours later, by the clock on the wall one.
    for hours in range(3):
        book.call(NIGHT + timedelta(hours=hours), "no_answer")
    book.call(NIGHT + timedelta(days=2), "interested", talk_ms=40_000, turns=SPOKEN)
    made = report(database)
    assert made.days == {
        datetime(2026, 10, 25, tzinfo=UTC).date(): Slot(3, 0),
        datetime(2026, 10, 26, tzinfo=UTC).date(): Slot(0, 0),
        datetime(2026, 10, 27, tzinfo=UTC).date(): Slot(1, 1),
    }
    assert made.week[6][1] == Slot(1, 0)
    assert made.week[6][2] == Slot(2, 0)
    assert made.week[1][0] == Slot(1, 1)
    assert sum(slot.attempts for slot in made.hours) == sum(slot.attempts for slot in made.weekdays) == 4
    assert made.talks == [0, 0, 1, 0, 0, 0]
    assert (made.attempts, made.answered, made.talk_s) == (4, 1, 40.0)


def test_steps_are_in_the_order_of_the_script_or_of_the_calls(database: Database, book: Book) -> None:
    book.call(NIGHT, "interested", talk_ms=1, turns=SPOKEN)
    assert [count.step for count in report(database).steps] == ["greeting", "goodbye"]
    assert [count.step for count in report(database, ("goodbye", "greeting")).steps] == ["goodbye", "greeting"]


def test_a_campaign_without_calls_has_a_report_too(database: Database, book: Book) -> None:
    book.incoming(NIGHT)
    made = report(database)
    assert (made.attempts, made.incoming, made.days) == (0, 1, {})


def test_calls_come_in_their_order_page_by_page_and_none_twice(database: Database, book: Book) -> None:
    # Many at the same moment, so that pages end among them.
    expected = [book.call(NIGHT + timedelta(minutes=n // 4), "hung_up", talk_ms=1, turns=SPOKEN) for n in range(11)]
    came_in = book.incoming(NIGHT + timedelta(hours=1))
    with database.read() as session:
        campaign_id = campaign_id_of(session, "spring")
    assert campaign_id is not None
    for page in (1, 3, 12, 500):
        calls = list(all_calls(database, campaign_id, Period(), page))
        assert [call.uuid for call in calls] == [*expected, came_in]
        assert all(call.turns == SPOKEN and call.fields == {"name": "Ann"} for call in calls[:-1])
        assert (calls[-1].turns, calls[-1].fields, calls[-1].direction) == ((), {}, "incoming")
    assert calls[0].created_at == NIGHT
    some = Period(NIGHT + timedelta(minutes=1), NIGHT + timedelta(minutes=2))
    assert [call.uuid for call in all_calls(database, campaign_id, some, 3)] == expected[4:8]


def test_campaigns_by_name(database: Database, book: Book) -> None:
    book.call(NIGHT, None)
    book.call(NIGHT, None, campaign="autumn")
    with database.read() as session:
        assert campaign_names(session) == ["autumn", "spring"]
        assert campaign_id_of(session, "winter") is None


def report(database: Database, steps: tuple[str, ...] = ()) -> Report:
    with database.read() as session:
        campaign_id = campaign_id_of(session, "spring")
    assert campaign_id is not None
    return make_report(database, campaign_id, "spring", PARIS, Period(), NIGHT + timedelta(days=3), steps)


@pytest.mark.parametrize("period", [Period(), Period(NIGHT, NIGHT + timedelta(days=1))], ids=["all", "a day"])
def test_no_report_reads_the_calls_of_other_campaigns(database: Database, book: Book, period: Period) -> None:
    book.call(NIGHT, "interested", talk_ms=1, turns=SPOKEN)
    with database.write() as session:
        campaign_id = campaign_id_of(session, "spring")
        assert campaign_id is not None
        with statements() as sent:
            found = ReportRepository(session, campaign_id, period)
            for name in COUNTS:
                getattr(found, name)()
            found.calls_page((NIGHT - timedelta(days=1), str(UUID(int=0))))
        asked = [(sql, values) for sql, values in sent if sql.lstrip().startswith("SELECT")]
        assert len(asked) == len(COUNTS) - 4 + 2  # five counts are of the same sums, a page takes two
        for sql, values in asked:
            read = whole_tables_read(session, sql, values)
            # But what was counted just now.
            assert [line for line in read if "anon_" not in line and "(subquery" not in line] == [], sql


def test_a_page_of_calls_is_found_without_sorting_them_all(database: Database, book: Book) -> None:
    for n in range(200):
        book.call(NIGHT + timedelta(minutes=n), "no_answer")
    with database.write() as session:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("ANALYZE attempts"))
        with statements() as sent:
            ReportRepository(session, 1).calls_page((NIGHT + timedelta(minutes=100), str(UUID(int=0))), 5)
        sql, values = next((sql, values) for sql, values in sent if "LIMIT" in sql)
        explain = "EXPLAIN QUERY PLAN" if session.get_bind().dialect.name == "sqlite" else "EXPLAIN"
        plan = "\n".join(str(row) for row in session.connection().exec_driver_sql(f"{explain} {sql}", values))
    assert "ix_attempts_campaign_id_created_at" in plan
    # Those of the same moment may be put in order; all of them need not.
    assert "TEMP B-TREE FOR ORDER BY" not in plan
    assert " Sort  (" not in plan.replace("Incremental Sort", "")


def test_the_report_is_written_for_machines(database: Database, book: Book) -> None:
    book.call(NIGHT, "interested", talk_ms=12_345, turns=SPOKEN, amd="human")
    document = report(database).as_json()
    assert document["talk_s"] == 12.3
    assert document["outcomes"] == [{"outcome": "interested", "attempts": 1, "answered": 1, "talk_ms": 12_345}]
    assert document["days"] == [{"day": "2026-10-25", "attempts": 1, "answered": 1}]
    lines = report(database).as_csv().splitlines()
    assert lines[0] == "part,item,measure,value"
    assert "steps,greeting,calls,1" in lines
    assert "weekdays,Sun,attempts,1" in lines
