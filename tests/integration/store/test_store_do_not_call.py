"""The do-not-call list, the same on both databases: who is on it, and that no attempt is written past it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.do_not_call import DoNotCallRepository
from robot.store.errors import OnDoNotCallList, UnknownAttempt
from robot.store.facts import Finished
from robot.store.records import (
    AttemptResult,
    DoNotCallSource,
    ImportCount,
    NewAttempt,
    NewDoNotCall,
    NewIncomingCall,
)
from robot.store.repositories import AttemptRepository
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
NUMBER = "+33140000001"
ASKED = AttemptResult("do_not_call", "NORMAL_CLEARING", None, 800, 4000, NOW, NOW, None, None)


def entry(what: str = NUMBER, campaign: str | None = None, note: str | None = None) -> NewDoNotCall:
    return NewDoNotCall(what, NOW, DoNotCallSource.OPERATOR, campaign, note=note)


def new_attempt(number: str = NUMBER, campaign: str = "spring") -> NewAttempt:
    return NewAttempt(str(uuid4()), campaign, number, None, "carrier", "fs1", NOW)


async def add(store: Store, new: NewDoNotCall) -> bool:
    """Whether it is new."""
    return (await store.import_do_not_call([new])).added == 1


async def test_an_entry_comes_back_as_it_was_given(store: Store) -> None:
    assert await add(store, entry(note="wrote to us"))
    found = await store.is_do_not_call(NUMBER, "spring")
    assert found is not None
    assert (found.number, found.pattern, found.campaign, found.note) == (NUMBER, None, None, "wrote to us")
    assert (found.source, found.added_at, found.attempt_uuid) == (DoNotCallSource.OPERATOR, NOW, None)
    assert await store.is_do_not_call("+33140000002", "spring") is None


@pytest.mark.parametrize("what", [NUMBER, "+3314*"])
@pytest.mark.parametrize("campaign", [None, "spring"])
async def test_an_entry_is_there_once_and_the_first_one_stays(store: Store, what: str, campaign: str | None) -> None:
    assert await add(store, entry(what, campaign, "first"))
    assert not await add(store, entry(what, campaign, "second"))
    [only] = await store.do_not_call_page()
    assert only.note == "first"
    assert (only.pattern or only.number) == what


async def test_one_for_a_campaign_counts_there_and_one_for_all_everywhere(store: Store) -> None:
    await add(store, entry(campaign="spring"))
    assert await store.is_do_not_call(NUMBER, "spring") is not None
    assert await store.is_do_not_call(NUMBER, "autumn") is None
    assert await store.is_do_not_call(NUMBER, None) is None
    assert await add(store, entry()), "the same number, for all campaigns"
    for campaign in ("spring", "autumn", None):
        found = await store.is_do_not_call(NUMBER, campaign)
        assert found is not None
        assert found.campaign is None


@pytest.mark.parametrize(
    ("pattern", "numbers", "others"),
    [
        ("+331*", ["+33140000001", "+331"], ["+33240000001", "+3"]),
        ("+3*", ["+33140000001"], ["+44140000001"]),
        (f"{NUMBER}*", [NUMBER, f"{NUMBER}2"], ["+33140000002"]),
    ],
)
async def test_a_pattern_is_how_numbers_begin(
    store: Store, pattern: str, numbers: list[str], others: list[str]
) -> None:
    await add(store, entry(pattern))
    for number in numbers:
        found = await store.is_do_not_call(number, "spring")
        assert found is not None
        assert (found.pattern, found.number) == (pattern, None)
    for number in others:
        assert await store.is_do_not_call(number, "spring") is None


async def test_an_entry_of_the_number_itself_is_told_before_a_pattern(store: Store) -> None:
    await add(store, entry("+331*"))
    await add(store, entry(campaign="spring"))
    found = await store.is_do_not_call(NUMBER, "spring")
    assert found is not None
    assert (found.number, found.campaign) == (NUMBER, "spring")


async def test_who_is_removed_may_be_called(store: Store) -> None:
    await add(store, entry())
    await add(store, entry("+331*", "spring"))
    assert not await store.remove_do_not_call(NUMBER, "spring"), "that one is for all campaigns"
    assert await store.remove_do_not_call(NUMBER)
    assert not await store.remove_do_not_call(NUMBER)
    left = await store.is_do_not_call(NUMBER, "spring")
    assert left is not None
    assert await store.remove_do_not_call_entry(left.id)
    assert not await store.remove_do_not_call_entry(left.id)
    await store.begin_attempt(new_attempt())


async def test_the_list_comes_page_by_page(store: Store) -> None:
    for number in range(1, 6):
        await add(store, entry(f"+3314000000{number}", "spring" if number % 2 else None))
    seen, after = [], 0
    while page := await store.do_not_call_page(after_id=after, limit=2):
        assert len(page) <= 2
        seen += [each.number for each in page]
        after = page[-1].id
    assert seen == [f"+3314000000{number}" for number in range(1, 6)]
    assert [each.number for each in await store.do_not_call_page("spring")] == seen[::2]
    assert await store.do_not_call_page("unheard of") == []


async def test_an_import_counts_what_is_new(store: Store) -> None:
    await add(store, entry(note="by hand"))
    told: list[ImportCount] = []
    numbers = [f"+3314{number:07}" for number in range(1, 5001)]
    entries = (NewDoNotCall(number, NOW, DoNotCallSource.IMPORT) for number in [*numbers, numbers[7]])
    assert await store.import_do_not_call(entries, told.append) == ImportCount(added=4999, known=2)
    assert told[-1] == ImportCount(4999, 2)
    assert len(told) > 1
    first = await store.is_do_not_call(NUMBER, None)
    assert first is not None
    assert first.note == "by hand"


@pytest.mark.parametrize(("what", "campaign"), [(NUMBER, None), (NUMBER, "spring"), ("+331*", None)])
async def test_nobody_on_the_list_is_dialled(store: Store, what: str, campaign: str | None) -> None:
    await add(store, entry(what, campaign))
    new = new_attempt()
    with pytest.raises(OnDoNotCallList, match=r"since 2026-11-21.*`robot dnc remove --entry \d+`") as told:
        await store.begin_attempt(new)
    assert NUMBER not in str(told.value)
    with pytest.raises(UnknownAttempt):
        await store.attempt(new.uuid)
    await store.begin_attempt(new_attempt("+33240000001"))


def test_a_refused_attempt_leaves_no_contact(database: Database) -> None:
    with database.write() as session:
        DoNotCallRepository(session).add([entry()], {})
    with pytest.raises(OnDoNotCallList), database.write() as session:
        AttemptRepository(session).begin(new_attempt())
    with database.read() as session:
        assert ContactRepository(session).states("spring") == {}


async def test_who_asks_for_it_comes_on_the_list_with_the_outcome(store: Store) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    await store.record(Finished(new.uuid, new.number, ASKED, (), (), ()))
    found = await store.is_do_not_call(NUMBER, "autumn")
    assert found is not None
    assert (found.campaign, found.source, found.attempt_uuid) == (None, DoNotCallSource.CALLEE, new.uuid)
    with pytest.raises(OnDoNotCallList, match="as the callee wished"):
        await store.begin_attempt(new_attempt(campaign="autumn"))


async def test_who_calls_in_and_asks_for_it_comes_on_the_list_when_the_number_is_known(store: Store) -> None:
    for number in (NUMBER, None):
        call = NewIncomingCall(str(uuid4()), None, number, "0140000009", "fs1", NOW)
        await store.begin_incoming(call)
        await store.record(Finished(call.uuid, number, ASKED, (), (), ()))
    assert [each.number for each in await store.do_not_call_page()] == [NUMBER]


async def test_an_outcome_that_comes_second_puts_nobody_on_the_list(store: Store) -> None:
    new = new_attempt()
    await store.begin_attempt(new)
    completed = AttemptResult("completed", None, None, None, None, None, NOW, None, None)
    for result in (completed, ASKED):
        await store.record(Finished(new.uuid, new.number, result, (), (), ()))
    assert await store.do_not_call_page() == []


def test_an_entry_that_is_being_written_is_waited_for(database: Database) -> None:
    """An attempt that looks at the list while an entry is not committed yet would be committed after it."""
    added = threading.Event()
    dialling = threading.Event()

    def add() -> None:
        with database.write() as session:
            DoNotCallRepository(session).add([entry()], {})
            added.set()
            assert dialling.wait(5)
            # Nothing can say that the other thread has come to its wait: give it the time to pass, if it can.
            assert not dialled.wait(0.2)

    dialled = threading.Event()

    def dial() -> None:
        assert added.wait(5)
        dialling.set()
        try:
            with database.write() as session:
                AttemptRepository(session).begin(new_attempt())
        finally:
            dialled.set()

    with ThreadPoolExecutor(2) as threads:
        adding, attempt = threads.submit(add), threads.submit(dial)
        adding.result(10)
        with pytest.raises(OnDoNotCallList):
            attempt.result(10)
