"""How campaigns stand, read on both databases from what calls and daemons have written."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from robot.store.campaign_records import CampaignState, ContactState, NewContact, NextTry, Priority
from robot.store.daemons import this_daemon
from robot.store.database import Database
from robot.store.errors import UnknownCampaign
from robot.store.facts import Answered, Finished
from robot.store.records import AttemptResult, NewAttempt
from robot.store.standing import LastCalls, Reason, Standing, StandingRepository
from robot.store.store import Store
from tests.integration.store.plans import statements, whole_tables_read

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NUMBERS = [f"+3314000000{place}" for place in range(6)]


async def call(store: Store, place: int, at: datetime, outcome: str | None, next_try: NextTry | None = None) -> None:
    """To NUMBERS[place], a minute long; answered unless busy."""
    uuid = str(UUID(int=place + 1, version=4))
    await store.begin_attempt(NewAttempt(uuid, "spring", NUMBERS[place], None, "carrier", "fs1", at))
    if outcome is None:
        return
    if outcome != "busy":
        await store.record(Answered(uuid, at, 100))
    result = AttemptResult(outcome, None, None, None, None, None, at + MINUTE, None, None)
    await store.record(Finished(uuid, NUMBERS[place], result, (), (), (), next_try))


async def a_campaign(store: Store) -> None:
    """Six contacts: one waits for a callback, one for a retry, one is done, one in a call, two are due."""
    await store.add_contacts("spring", [NewContact(number, {}) for number in NUMBERS], NOW - 90 * MINUTE)
    await store.move_campaign("spring", CampaignState.RUNNING, NOW - 60 * MINUTE)
    await call(
        store, 0, NOW - 40 * MINUTE, "callback", NextTry(NOW + 5 * MINUTE, Priority.CALLBACK, "a callback later")
    )
    await call(store, 1, NOW - 4 * MINUTE, "busy", NextTry(NOW + 7 * MINUTE, reason="a retry later"))
    await call(store, 2, NOW - 3 * MINUTE, "completed")
    await call(store, 3, NOW - MINUTE, None)


def standing_of(database: Database, now: datetime = NOW) -> Standing:
    with database.read() as session:
        [standing] = StandingRepository(session).standings(now, "spring")
        assert StandingRepository(session).standings(now) == [standing]
    return standing


async def test_how_a_campaign_stands(store: Store, database: Database) -> None:
    await a_campaign(store)
    standing = standing_of(database)
    assert standing.contacts == {ContactState.WAITING: 4, ContactState.DONE: 1, ContactState.IN_CALL: 1}
    assert (standing.outcomes, standing.in_call) == ({"callback": 1, "busy": 1, "completed": 1}, 1)
    assert standing.last == LastCalls(begun=3, over=5 * MINUTE, ended=3, answered=2)
    assert (standing.next_at, standing.next_reason) == (NOW - 90 * MINUTE, None)
    with database.read() as session, pytest.raises(UnknownCampaign):
        StandingRepository(session).standings(NOW, "autumn")


async def test_what_is_claimed_is_not_waited_for(store: Store, database: Database) -> None:
    await a_campaign(store)
    claimed = await store.claim("spring", "me", NOW, 10, 2 * MINUTE)
    assert [each.number for each in claimed] == NUMBERS[4:]
    standing = standing_of(database)
    assert (standing.next_at, standing.next_reason) == (NOW + 5 * MINUTE, "a callback later")
    await store.move_campaign("spring", CampaignState.PAUSED, NOW - 2 * MINUTE, "by ann")
    assert standing_of(database).last.over == 2 * MINUTE, "it runs, or does not, only for so long"


async def test_a_campaign_without_anything(store: Store, database: Database) -> None:
    await store.set_campaign_folder("spring", "/campaigns/spring")
    standing = standing_of(database)
    assert (standing.contacts, standing.outcomes, standing.in_call) == ({}, {}, 0)
    assert (standing.last, standing.next_at) == (LastCalls(0, 5 * MINUTE, 0, 0), None)


async def test_who_is_next_and_why_the_others_are_not(store: Store, database: Database) -> None:
    await a_campaign(store)
    with database.read() as session:
        repository = StandingRepository(session)
        assert [each.number for each in repository.due("spring", NOW, 10)] == NUMBERS[4:]
        later = repository.due("spring", NOW + 10 * MINUTE, 3)
        assert [each.number for each in later] == [NUMBERS[0], *NUMBERS[4:]], "callbacks first"
        reasons = repository.reasons("spring", NOW)
    assert sorted(reasons, key=lambda each: (-each.contacts, each.state, each.reason or "")) == [
        Reason(ContactState.WAITING, None, None, True, 2, NOW - 90 * MINUTE),
        Reason(ContactState.DONE, None, "completed", False, 1, None),
        Reason(ContactState.IN_CALL, None, None, False, 1, None),
        Reason(ContactState.WAITING, "a callback later", "callback", False, 1, NOW + 5 * MINUTE),
        Reason(ContactState.WAITING, "a retry later", "busy", False, 1, NOW + 7 * MINUTE),
    ]


async def test_daemons_say_why_they_call_nobody(store: Store, database: Database) -> None:
    daemon = replace(this_daemon(NOW), host="elsewhere")
    await store.register_daemon(daemon)
    await store.tell_reasons(daemon.id, {"spring": "every line is taken", "autumn": "its gateway is down\0"})
    await store.tell_reasons("nobody", {"spring": "nothing"})
    with database.read() as session:
        [living] = StandingRepository(session).daemons(NOW + timedelta(seconds=29))
        assert living.reasons == {"spring": "every line is taken", "autumn": "its gateway is down"}
        assert StandingRepository(session).daemons(NOW + timedelta(seconds=30)) == []
    await store.tell_reasons(daemon.id, {})
    with database.read() as session:
        assert [each.reasons for each in StandingRepository(session).daemons(NOW)] == [{}]


async def test_a_look_at_the_standing_reads_no_whole_table(store: Store, database: Database) -> None:
    await a_campaign(store)
    with statements() as sent, database.read() as session:
        StandingRepository(session).standings(NOW, "spring")
        StandingRepository(session).due("spring", NOW, 5)
    with database.write() as session:
        for sql, values in sent:
            if sql.lstrip().startswith("SELECT"):
                assert whole_tables_read(session, sql, values) == [], sql
