"""Claims, the same on both databases: who comes first, that none is claimed by two, what a lost claim cannot do."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from robot.store.campaign_records import (
    CampaignState,
    ClaimedContact,
    ContactState,
    GivenUp,
    NewContact,
    NextTry,
    PastAttempt,
    Priority,
)
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.errors import CalledMeanwhile, ClaimLost, OnDoNotCallList
from robot.store.facts import Finished
from robot.store.records import AttemptResult, DoNotCallSource, NewAttempt, NewDoNotCall, StoredAttempt
from robot.store.repositories import AttemptRepository
from robot.store.store import Store

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
LEASE = 30 * SECOND
BUSY = AttemptResult("busy", "USER_BUSY", None, 800, None, None, NOW + SECOND, None, None)


def number(place: int) -> str:
    return f"+3314000{place:04}"


async def running(store: Store, contacts: int, campaign: str = "spring") -> None:
    await store.add_contacts(
        campaign, [NewContact(number(place), {"place": str(place)}) for place in range(contacts)], NOW
    )
    await store.move_campaign(campaign, CampaignState.RUNNING, NOW)


async def claim(store: Store, owner: str = "one", at: datetime = NOW, limit: int = 100) -> list[ClaimedContact]:
    return await store.claim("spring", owner, at, limit, LEASE)


def attempt_at(claimed: ClaimedContact, at: datetime = NOW) -> NewAttempt:
    return NewAttempt(
        str(uuid4()), "spring", claimed.number, None, "carrier", "fs1", at, claim=claimed.claim,
        known_attempts=len(claimed.history),
    )  # fmt: skip


async def test_those_on_the_list_come_in_its_order_and_nobody_twice(store: Store) -> None:
    await running(store, 5)
    first = await claim(store, limit=2)
    assert [(each.number, each.fields) for each in first] == [
        (number(0), {"place": "0"}),
        (number(1), {"place": "1"}),
    ]
    assert [each.number for each in await claim(store, "two")] == [number(2), number(3), number(4)]
    assert await claim(store, "two") == []
    assert await store.contact_states("spring") == {ContactState.CLAIMED: 5}
    [stored, *_] = await store.contacts_page("spring")
    assert (stored.state, stored.next_at) == (ContactState.CLAIMED, NOW + LEASE)


async def test_only_a_campaign_that_runs_gets_contacts(store: Store) -> None:
    await store.add_contacts("spring", [NewContact(number(0), {})], NOW)
    assert await claim(store) == []
    await store.move_campaign("spring", CampaignState.RUNNING, NOW)
    [claimed] = await claim(store)
    await store.move_campaign("spring", CampaignState.PAUSED, NOW, "lunch")
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(claimed))
    await store.move_campaign("spring", CampaignState.RUNNING, NOW)
    await store.begin_attempt(attempt_at(claimed))
    assert await store.claim("unheard of", "one", NOW, 1, LEASE) == []


async def test_callbacks_go_first_at_their_time_and_nobody_before(store: Store) -> None:
    await running(store, 3)
    [first, second, third] = await claim(store)
    await store.release(
        [
            (first.claim, NextTry(NOW + HOUR, reason="outside its hours")),
            (second.claim, NextTry(NOW + HOUR, Priority.CALLBACK)),
            (third.claim, NextTry(NOW + 2 * HOUR, Priority.CALLBACK)),
        ]
    )
    assert await store.next_due_at("spring") == NOW + HOUR
    assert await claim(store, at=NOW + HOUR - SECOND) == []
    [callback] = await claim(store, at=NOW + HOUR, limit=1)
    assert (callback.number, callback.priority) == (number(1), Priority.CALLBACK)
    [listed] = await claim(store, at=NOW + HOUR)
    assert (listed.number, listed.priority) == (number(0), Priority.LISTED)
    assert await store.next_due_at("spring") == NOW + HOUR + LEASE


async def test_a_lease_that_ran_out_is_somebody_elses_and_the_first_cannot_dial(store: Store) -> None:
    await running(store, 1)
    [lost] = await claim(store)
    assert await claim(store, "two", NOW + LEASE - SECOND) == []
    [taken] = await claim(store, "two", NOW + LEASE)
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(lost))
    await store.release([(lost.claim, GivenUp("no more"))])
    assert await store.renew([lost.claim, taken.claim], NOW + HOUR) == [taken.claim]
    await store.begin_attempt(attempt_at(taken, NOW + LEASE))
    assert await store.history([number(0)]) == {number(0): [PastAttempt("spring", NOW + LEASE, None, None, None)]}


async def test_a_lease_that_ran_out_is_no_right_even_when_nobody_took_it(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(claimed, NOW + LEASE))
    assert await store.renew([claimed.claim], NOW + HOUR) == [claimed.claim]
    await store.begin_attempt(attempt_at(claimed, NOW + LEASE))


async def test_an_owner_that_claims_again_does_not_get_its_first_claim_back(store: Store) -> None:
    await running(store, 1)
    [first] = await claim(store)
    [second] = await claim(store, at=NOW + LEASE)
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(first))
    await store.begin_attempt(attempt_at(second, NOW + LEASE))
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(second, NOW + LEASE))


async def test_a_claim_is_for_one_number_and_one_campaign(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    for other in (replace(attempt_at(claimed), number=number(7)), replace(attempt_at(claimed), campaign="autumn")):
        with pytest.raises(ClaimLost):
            await store.begin_attempt(other)
    assert await store.unfinished_attempts() == []


async def test_what_came_of_it_is_on_the_contact_with_its_outcome(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    assert (claimed.attempts, claimed.last_outcome, claimed.history) == (0, None, ())
    new = attempt_at(claimed)
    await store.begin_attempt(new)
    assert await store.contact_states("spring") == {ContactState.IN_CALL: 1}
    assert await claim(store, at=NOW + 24 * HOUR) == [], "nobody is called while in a call"
    assert await store.next_due_at("spring") is None
    next_try = NextTry(NOW + HOUR, reason="a retry later")
    await store.record(Finished(new.uuid, new.number, BUSY, (), (), (), next_try))
    stored = await store.contact("spring", claimed.number)
    assert stored is not None
    assert (stored.state, stored.next_at, stored.attempts, stored.last_outcome, stored.reason) == (
        ContactState.WAITING, NOW + HOUR, 1, "busy", "a retry later",
    )  # fmt: skip
    [again] = await claim(store, at=NOW + HOUR)
    assert (again.attempts, again.last_outcome) == (1, "busy")
    assert again.history == (PastAttempt("spring", NOW, NOW + SECOND, "busy", None),)
    last = attempt_at(again, NOW + HOUR)
    await store.begin_attempt(last)
    await store.record(Finished(last.uuid, last.number, replace(BUSY, outcome="unknown"), (), (), ()))
    assert await store.contact_states("spring") == {ContactState.DONE: 1}
    await store.record(Finished(last.uuid, last.number, BUSY, (), (), (), NextTry(NOW)))
    assert await store.contact_states("spring") == {ContactState.DONE: 1}, "an outcome is written once"


async def test_a_contact_that_is_given_up_says_why(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    await store.release([(claimed.claim, GivenUp("its time zone is not known"))])
    stored = await store.contact("spring", claimed.number)
    assert stored is not None
    assert (stored.state, stored.next_at, stored.reason) == (ContactState.DONE, None, "its time zone is not known")


async def test_nobody_is_called_whom_another_campaign_called_since_the_rules_were_asked(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    await store.begin_attempt(NewAttempt(str(uuid4()), "autumn", claimed.number, None, "carrier", "fs1", NOW))
    with pytest.raises(CalledMeanwhile):
        await store.begin_attempt(attempt_at(claimed))
    assert len(await store.unfinished_attempts()) == 1
    await store.begin_attempt(replace(attempt_at(claimed), known_attempts=1))


async def test_the_do_not_call_list_leaves_the_claim_to_be_given_back(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    await store.import_do_not_call([NewDoNotCall(claimed.number, NOW, DoNotCallSource.OPERATOR)])
    with pytest.raises(OnDoNotCallList):
        await store.begin_attempt(attempt_at(claimed))
    await store.release([(claimed.claim, GivenUp("on the do-not-call list"))])
    assert await store.contact_states("spring") == {ContactState.DONE: 1}


async def test_a_call_by_hand_takes_the_contact_from_whoever_had_claimed_it(store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    await store.begin_attempt(NewAttempt(str(uuid4()), "spring", claimed.number, None, "carrier", "fs1", NOW))
    with pytest.raises(ClaimLost):
        await store.begin_attempt(attempt_at(claimed))
    [attempt] = await store.unfinished_attempts()
    assert attempt.owner is None


async def test_attempts_are_found_by_daemon_and_by_node(store: Store) -> None:
    await running(store, 2)
    here, there = await claim(store, "one", limit=1) + await claim(store, "two")
    await store.begin_attempt(attempt_at(here))
    await store.begin_attempt(replace(attempt_at(there), node="fs2"))

    def numbers(found: list[StoredAttempt]) -> list[str | None]:
        return [each.number for each in found]

    assert numbers(await store.unfinished_attempts(owner="one")) == [here.number]
    assert numbers(await store.unfinished_attempts(node="fs2")) == [there.number]
    assert numbers(await store.unfinished_attempts("one", "fs2")) == []


async def test_a_beginning_that_is_repeated_knows_that_it_has_used_the_claim(database: Database, store: Store) -> None:
    await running(store, 1)
    [claimed] = await claim(store)
    new = attempt_at(claimed)
    await store.begin_attempt(new)
    with database.write() as session:
        AttemptRepository(session).begin(new, repeated=True)
    stored = await store.contact("spring", claimed.number)
    assert stored is not None
    assert stored.attempts == 1


@pytest.mark.parametrize("backend", ["postgresql"])  # SQLite has one writer: the second waits for the first
def test_two_that_claim_at_once_get_different_ones(database: Database) -> None:
    with database.write() as session:
        campaign = CampaignRepository(session).ensure("spring")
        CampaignRepository(session).move("spring", CampaignState.RUNNING, NOW, None)
        for place in range(4):
            ContactRepository(session).ensure(campaign, number(place), {})
    now = datetime.now(UTC)
    with ExitStack() as stack:
        sessions = [stack.enter_context(database.write()) for _ in range(2)]
        claimed = [ClaimRepository(each).claim("spring", str(each), now, 2, LEASE) for each in sessions]
    assert len({each.number for some in claimed for each in some}) == 4
