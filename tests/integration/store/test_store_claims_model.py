"""Claims against a model of who has what: never two owners at once, nobody lost, each attempt ends in one outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from robot.store.campaign_records import (
    CampaignState,
    Claim,
    ClaimedContact,
    ContactState,
    GivenUp,
    NewContact,
    NextTry,
    Priority,
    Scope,
)
from robot.store.campaigns import CampaignRepository
from robot.store.claims import ClaimRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.errors import ClaimLost
from robot.store.records import AttemptResult, NewAttempt
from robot.store.repositories import AttemptRepository
from robot.store.schema import Attempt, Campaign, Contact

BEGIN = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LEASE = 3 * MINUTE
CONTACTS = 3
OWNERS = st.sampled_from(["one", "two"])


class Claims(RuleBasedStateMachine):
    """Two daemons, three contacts, and a clock that only goes on."""

    database: Database

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.held: list[ClaimedContact] = []  # all that were given and not given back, lost ones among them
        self.owned: dict[int, Claim] = {}  # by contact, the last claim, as long as the contact is claimed
        self.due: dict[int, datetime] = {}  # by contact, when it may be claimed; neither in a call nor done
        self.begun: dict[str, int] = {}  # attempts without an outcome, and their contact
        self.running = True

    @initialize()
    def a_list(self) -> None:
        with self.database.write() as session:
            for table in (Attempt, Contact, Campaign):
                session.execute(delete(table))
            campaign = CampaignRepository(session).ensure("spring")
            rows = [NewContact(f"+3314000000{place}", {}) for place in range(CONTACTS)]
            ContactRepository(session).add(campaign, rows, BEGIN, Scope.CAMPAIGN, update_known=False)
            CampaignRepository(session).move("spring", CampaignState.RUNNING, BEGIN, None)
            self.due = {contact.id: BEGIN for contact in ContactRepository(session).page("spring", 0, CONTACTS)}

    def valid(self) -> dict[int, ClaimedContact]:
        """By contact, the claims with which one may dial."""
        return {
            claimed.claim.contact_id: claimed
            for claimed in self.held
            if self._is_last(claimed) and claimed.lease_until > self.now
        }

    @rule(minutes=st.integers(1, 5))
    def time_goes_on(self, minutes: int) -> None:
        self.now += minutes * MINUTE

    @rule(owner=OWNERS, limit=st.integers(1, 4))
    def claim(self, owner: str, limit: int) -> None:
        with self.database.write() as session:
            claimed = ClaimRepository(session).claim("spring", owner, self.now, limit, LEASE)
        due = {contact for contact, at in self.due.items() if at <= self.now and self.running}
        assert {each.claim.contact_id for each in claimed} <= due, "not yet, or somebody else has it"
        assert len(claimed) == min(limit, len(due)), "somebody is left out"
        self.held += claimed
        self.due |= {each.claim.contact_id: self.now + LEASE for each in claimed}
        self.owned |= {each.claim.contact_id: each.claim for each in claimed}

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """With any claim that was ever given; only one that counts may do it."""
        claimed = data.draw(st.sampled_from(self.held))
        contact = claimed.claim.contact_id
        uuid = str(uuid4())
        new = NewAttempt(uuid, "spring", claimed.number, None, "carrier", "fs1", self.now, claim=claimed.claim)
        counts = self.running and self.valid().get(contact) == claimed
        try:
            with self.database.write() as session:
                AttemptRepository(session).begin(new)
        except ClaimLost:
            assert not counts
        else:
            assert counts
            assert contact not in self.begun.values()
            self.begun[uuid] = contact
            del self.owned[contact], self.due[contact]

    @precondition(lambda self: self.begun)
    @rule(data=st.data(), minutes=st.none() | st.integers(0, 5), callback=st.booleans())
    def finish(self, data: st.DataObject, minutes: int | None, callback: bool) -> None:
        uuid = data.draw(st.sampled_from(sorted(self.begun)))
        priority = Priority.CALLBACK if callback else Priority.LISTED
        next_try = None if minutes is None else NextTry(self.now + minutes * MINUTE, priority)
        result = AttemptResult("busy", None, None, None, None, None, self.now, None, None)
        for expected in (True, False):
            with self.database.write() as session:
                assert AttemptRepository(session).finish(uuid, result, [], [], [], next_try) is expected
        contact = self.begun.pop(uuid)
        if next_try is not None:
            self.due[contact] = next_try.at

    @precondition(lambda self: self.held)
    @rule(data=st.data(), minutes=st.none() | st.integers(0, 5))
    def release(self, data: st.DataObject, minutes: int | None) -> None:
        claimed = data.draw(st.sampled_from(self.held))
        counted = self._is_last(claimed)
        what = GivenUp("why") if minutes is None else NextTry(self.now + minutes * MINUTE)
        with self.database.write() as session:
            ClaimRepository(session).release([(claimed.claim, what)])
        self.held.remove(claimed)
        if counted:
            del self.owned[claimed.claim.contact_id], self.due[claimed.claim.contact_id]
        if counted and isinstance(what, NextTry):
            self.due[claimed.claim.contact_id] = what.at

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        claimed = data.draw(st.sampled_from(self.held))
        counted = self._is_last(claimed)
        with self.database.write() as session:
            renewed = ClaimRepository(session).renew([claimed.claim], self.now + LEASE)
        assert renewed == ([claimed.claim] if counted else [])
        if counted:
            place = self.held.index(claimed)
            self.held[place] = replace(claimed, lease_until=self.now + LEASE)
            self.due[claimed.claim.contact_id] = self.now + LEASE

    @rule(owner=OWNERS)
    def a_daemon_dies_and_its_claims_are_given_back(self, owner: str) -> None:
        theirs = [contact for contact, claim in self.owned.items() if claim.owner == owner]
        with self.database.write() as session:
            assert ClaimRepository(session).release_all(owner, self.now) == len(theirs)
        # It still believes that it has them: its claims stay in `held`, to be tried.
        for contact in theirs:
            del self.owned[contact]
            self.due[contact] = self.now

    @rule(running=st.integers(0, 3).map(bool))
    def pause_or_resume(self, running: bool) -> None:
        self.running = running
        state = CampaignState.RUNNING if self.running else CampaignState.PAUSED
        with self.database.write() as session:
            CampaignRepository(session).move("spring", state, self.now, None)

    @invariant()
    def nobody_is_lost(self) -> None:
        with self.database.read() as session:
            contacts = ContactRepository(session).page("spring", 0, 100)
            states = ContactRepository(session).states("spring")
        for contact in contacts:
            assert (contact.state is ContactState.IN_CALL) == (contact.id in self.begun.values())
            assert (contact.state is ContactState.CLAIMED) == (contact.id in self.owned)
            assert contact.next_at == self.due.get(contact.id)
        assert sum(states.values()) in (0, CONTACTS)

    def _is_last(self, claimed: ClaimedContact) -> bool:
        """Whether nobody has claimed the contact since, and it was not given back: its lease may be over."""
        return self.owned.get(claimed.claim.contact_id) == claimed.claim


@pytest.mark.slow
def test_claims_do_what_the_model_says(database: Database) -> None:
    machine = type("ClaimsOfOne", (Claims,), {"database": database})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=50, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
