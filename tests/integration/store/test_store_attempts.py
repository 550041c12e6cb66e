"""The life of an attempt in the tables, the same on both databases."""

from __future__ import annotations

import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from robot.store.campaign_records import ContactState
from robot.store.campaigns import CampaignRepository
from robot.store.contacts import ContactRepository
from robot.store.database import Database
from robot.store.errors import DuplicateAttempt, StatementRefused, UnknownAttempt
from robot.store.records import (
    AttemptResult,
    BargeInRecord,
    Direction,
    ExpiredRecording,
    Handover,
    LatencyRecord,
    NewAttempt,
    NewIncomingCall,
    StoredAttempt,
    TurnRecord,
)
from robot.store.repositories import AttemptRepository

DIALLED = datetime(2026, 3, 29, 0, 59, 59, 123456, UTC)
PARIS = timezone(timedelta(hours=2))
NUMBER = "+33140000001"

PROMPT = TurnRecord(1, "robot", "Hello, this is a robot.", None, 0, 2000, interrupted=True, step="greeting")
ANSWER = TurnRecord(
    2,
    "callee",
    "Yes, « ça va ».",
    "yes",
    500,
    3700,
    False,
    "greeting",
    intent_confidence=0.93,
    intent_reason="sounds like",
)
BARGE_IN = BargeInRecord(2000, 1500, "Yes", 0.7, 20.5)
LATENCY = LatencyRecord(2, 300, 80, 140, 90, 620, 380, 260, 310, 400, 410)


class Ending(StrEnum):
    INTERESTED = "interested"


RESULT = AttemptResult(
    outcome=Ending.INTERESTED,
    faults=("LLM_TIMEOUT", "TTS_FAIL"),
    hangup_cause="NORMAL_CLEARING",
    amd="human",
    ring_ms=800,
    talk_ms=5000,
    answered_at=DIALLED + timedelta(seconds=1),
    ended_at=DIALLED + timedelta(seconds=6),
    recording="/var/spool/a.wav",
    error=None,
    amd_confidence=0.97,
    amd_reason="a short greeting, then silence",
    callback_earliest=DIALLED + timedelta(days=1),
    callback_latest=DIALLED + timedelta(days=1, hours=2),
    transferred_to="1000",
    answers={"reason": "Le prix, « trop cher »."},
    handover=Handover.CONNECTED,
)


def new_attempt(number: str = NUMBER, campaign: str = "spring") -> NewAttempt:
    return NewAttempt(
        uuid=str(uuid4()),
        campaign=campaign,
        number=number,
        caller_id="+33199999999",
        gateway="carrier",
        node="fs1",
        created_at=DIALLED,
        fields={"name": "Zoë", "town": "Paris"},
    )


def begin(database: Database, new: NewAttempt) -> NewAttempt:
    with database.write() as session:
        AttemptRepository(session).begin(new)
    return new


def test_everything_comes_back_as_it_was_given(database: Database) -> None:
    new = begin(database, new_attempt())
    with database.write() as session:
        attempts = AttemptRepository(session)
        attempts.mark_answered(new.uuid, DIALLED + timedelta(seconds=1), 810)
        attempts.save_progress(new.uuid, [PROMPT], [replace(BARGE_IN, text=None, break_ms=None)], [])
    with database.write() as session:
        assert AttemptRepository(session).finish(new.uuid, RESULT, [PROMPT, ANSWER], [BARGE_IN], [LATENCY])
    with database.read() as session:
        stored = AttemptRepository(session).get(new.uuid)
    assert (stored.uuid, stored.campaign, stored.number) == (new.uuid, "spring", NUMBER)
    assert (stored.caller_id, stored.gateway, stored.node) == ("+33199999999", "carrier", "fs1")
    assert stored.fields == {"name": "Zoë", "town": "Paris"}
    assert stored.created_at == DIALLED
    assert stored.turns == (PROMPT, ANSWER)
    assert stored.barge_ins == (BARGE_IN,)
    assert stored.latencies == (LATENCY,)
    for name in RESULT.__dataclass_fields__:
        assert getattr(stored, name) == getattr(RESULT, name), name


def test_times_are_aware_and_in_utc_whatever_zone_they_came_in(database: Database) -> None:
    new = begin(database, replace(new_attempt(), created_at=DIALLED.astimezone(PARIS)))
    with database.read() as session:
        stored = AttemptRepository(session).get(new.uuid)
    assert stored.created_at == DIALLED
    assert stored.created_at.tzinfo is UTC or stored.created_at.utcoffset() == timedelta(0)


def test_a_second_attempt_of_the_same_uuid_is_refused_and_changes_nothing(database: Database) -> None:
    new = begin(database, new_attempt())
    with pytest.raises(DuplicateAttempt, match="must not be dialled again"):
        begin(database, replace(new, number="+33140000002"))
    with pytest.raises(DuplicateAttempt):
        begin(database, new)
    with database.read() as session:
        assert AttemptRepository(session).get(new.uuid).number == NUMBER
        assert ContactRepository(session).states("spring") == {ContactState.IN_CALL: 1}


def test_a_repeated_begin_knows_its_own_row_and_no_other(database: Database) -> None:
    new = begin(database, new_attempt())
    with database.write() as session:
        AttemptRepository(session).begin(new, repeated=True)
    stranger = replace(new, created_at=new.created_at + timedelta(microseconds=1))
    with pytest.raises(DuplicateAttempt), database.write() as session:
        AttemptRepository(session).begin(stranger, repeated=True)


def test_the_contact_is_written_once_and_follows_its_attempts(database: Database) -> None:
    first = begin(database, new_attempt())
    second = begin(database, replace(new_attempt(), fields={"name": "another"}))
    with database.write() as session:
        attempts, contacts = AttemptRepository(session), ContactRepository(session)
        assert contacts.states("spring") == {ContactState.IN_CALL: 1}
        assert attempts.get(second.uuid).fields == first.fields
        attempts.finish(second.uuid, RESULT, [], [], [])
        assert contacts.states("spring") == {ContactState.IN_CALL: 1}, "the first attempt goes on"
        attempts.finish(first.uuid, RESULT, [], [], [])
        assert contacts.states("spring") == {ContactState.DONE: 1}


def test_the_same_number_in_two_campaigns_is_two_contacts(database: Database) -> None:
    with database.write() as session:
        campaigns, contacts = CampaignRepository(session), ContactRepository(session)
        spring, autumn = campaigns.ensure("spring"), campaigns.ensure("autumn")
        assert spring != autumn
        assert spring == campaigns.ensure("spring")
        assert contacts.ensure(spring, NUMBER, {}) != contacts.ensure(autumn, NUMBER, {})
        assert contacts.ensure(spring, NUMBER, {}) == contacts.ensure(spring, NUMBER, {"more": "later"})
        assert contacts.states("spring") == {ContactState.WAITING: 1}


def test_a_number_that_is_no_number_is_refused_without_being_repeated(database: Database) -> None:
    with database.write() as session:
        campaign = CampaignRepository(session).ensure("spring")
        with pytest.raises(ValueError, match=r"E\.164") as refused:
            ContactRepository(session).ensure(campaign, "0140000001", {})
    assert "0140000001" not in str(refused.value)


def test_the_first_answer_counts(database: Database) -> None:
    new = begin(database, new_attempt())
    with database.write() as session:
        attempts = AttemptRepository(session)
        for seconds in (1, 2):
            attempts.mark_answered(new.uuid, DIALLED + timedelta(seconds=seconds), seconds)
        stored = attempts.get(new.uuid)
    assert stored.answered_at == DIALLED + timedelta(seconds=1)
    assert stored.ring_ms == 1


def test_a_result_that_does_not_know_the_answer_leaves_it(database: Database) -> None:
    new = begin(database, new_attempt())
    with database.write() as session:
        attempts = AttemptRepository(session)
        attempts.mark_answered(new.uuid, DIALLED, 700)
        attempts.finish(new.uuid, replace(RESULT, answered_at=None, ring_ms=None), [], [], [])
        stored = attempts.get(new.uuid)
    assert (stored.answered_at, stored.ring_ms) == (DIALLED, 700)


def test_progress_may_be_saved_again_and_again(database: Database) -> None:
    new = begin(database, new_attempt())
    for _ in range(2):
        with database.write() as session:
            assert AttemptRepository(session).save_progress(new.uuid, [PROMPT], [BARGE_IN], [LATENCY])
    corrected = replace(PROMPT, end_ms=1999)
    with database.write() as session:
        attempts = AttemptRepository(session)
        attempts.save_progress(new.uuid, [corrected, ANSWER], [BARGE_IN], [])
        stored = attempts.get(new.uuid)
    assert stored.turns == (corrected, ANSWER)
    assert stored.barge_ins == (BARGE_IN,)
    assert stored.latencies == (LATENCY,), "what was written before stays"


def test_the_second_outcome_changes_nothing(database: Database) -> None:
    new = begin(database, new_attempt())
    with database.write() as session:
        assert AttemptRepository(session).finish(new.uuid, RESULT, [PROMPT], [], [])
    before = _stored(database, new.uuid)
    late = replace(RESULT, outcome="failed", error="late", ended_at=DIALLED + timedelta(hours=1))
    with database.write() as session:
        attempts = AttemptRepository(session)
        assert not attempts.finish(new.uuid, late, [PROMPT, ANSWER], [BARGE_IN], [LATENCY])
        assert not attempts.save_progress(new.uuid, [PROMPT, ANSWER], [], [])
    assert _stored(database, new.uuid) == before


def test_two_threads_that_finish_at_once_write_one_outcome(database: Database) -> None:
    attempts = [begin(database, new_attempt(f"+331400000{number:02}")) for number in range(10)]
    both_ready = threading.Barrier(2)

    def finish(outcome: str) -> list[bool]:
        wrote = []
        for new in attempts:
            both_ready.wait(timeout=30)
            with database.write() as session:
                result = replace(RESULT, outcome=outcome)
                text_of_mine = replace(PROMPT, text=outcome)
                wrote.append(AttemptRepository(session).finish(new.uuid, result, [text_of_mine], [], []))
        return wrote

    with ThreadPoolExecutor(2) as threads:
        ours, theirs = threads.map(finish, ("ours", "theirs"))
    assert [mine + yours for mine, yours in zip(ours, theirs, strict=True)] == [1] * len(attempts)
    for new, mine in zip(attempts, ours, strict=True):
        stored = _stored(database, new.uuid)
        winner = "ours" if mine else "theirs"
        assert (stored.outcome, stored.turns[0].text) == (winner, winner)


def test_unfinished_and_counted_attempts(database: Database) -> None:
    finished = [begin(database, new_attempt(f"+3314000000{number}")) for number in range(3)]
    younger = begin(database, replace(new_attempt(), created_at=DIALLED + timedelta(seconds=1)))
    older = begin(database, new_attempt(campaign="autumn"))
    with database.write() as session:
        attempts = AttemptRepository(session)
        for new, outcome in zip(finished, ("busy", "busy", "completed"), strict=True):
            attempts.finish(new.uuid, replace(RESULT, outcome=outcome), [], [], [])
        assert [attempt.uuid for attempt in attempts.unfinished()] == [older.uuid, younger.uuid]
        assert attempts.outcomes("spring") == {"busy": 2, "completed": 1}
        assert attempts.outcomes("autumn") == attempts.outcomes("no such campaign") == {}


@pytest.mark.parametrize("method", ["get", "mark_answered", "save_progress", "finish"])
def test_an_attempt_that_was_never_begun_is_told(database: Database, method: str) -> None:
    arguments: tuple[Any, ...] = {
        "get": (),
        "mark_answered": (DIALLED, 1),
        "save_progress": ([], [], []),
        "finish": (RESULT, [], [], []),
    }[method]
    uuid = str(uuid4())
    with database.write() as session, pytest.raises(UnknownAttempt, match=uuid):
        getattr(AttemptRepository(session), method)(uuid, *arguments)


def test_text_that_a_database_would_choke_on_costs_no_outcome(database: Database) -> None:
    new = begin(database, new_attempt())
    poison = replace(ANSWER, text="yes\0 \ud800 no")
    with database.write() as session:
        AttemptRepository(session).finish(new.uuid, replace(RESULT, error="\0"), [poison], [], [])
    stored = _stored(database, new.uuid)
    assert (stored.outcome, stored.turns[0].text, stored.error) == ("interested", "yes ? no", "")


def test_a_block_that_raises_leaves_nothing(database: Database) -> None:
    new = new_attempt()

    def begin_and_fail() -> None:
        with database.write() as session:
            AttemptRepository(session).begin(new)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin_and_fail()
    with pytest.raises(UnknownAttempt):
        _stored(database, new.uuid)


def test_what_the_database_refuses_is_told_without_the_values_of_the_row(database: Database) -> None:
    new = begin(database, new_attempt())
    with pytest.raises(StatementRefused, match="UPDATE attempts SET") as refused, database.write() as session:
        session.execute(text("UPDATE attempts SET outcome = 'busy' WHERE number = :number"), {"number": new.number})
    trace = "".join(traceback.format_exception(refused.value))
    assert "outcome_has_end" in trace
    assert NUMBER not in trace


def _stored(database: Database, uuid: str) -> StoredAttempt:
    with database.read() as session:
        return AttemptRepository(session).get(uuid)


def incoming(number: str | None = NUMBER, campaign: str | None = "spring", at: datetime = DIALLED) -> NewIncomingCall:
    return NewIncomingCall(str(uuid4()), campaign, number, "0199999999", "fs1", at)


def begin_incoming(database: Database, new: NewIncomingCall) -> tuple[StoredAttempt, dict[str, str]]:
    with database.write() as session:
        fields = AttemptRepository(session).begin_incoming(new)
    with database.read() as session:
        return AttemptRepository(session).get(new.uuid), fields


def test_who_calls_back_is_joined_to_the_contact(database: Database) -> None:
    begin(database, new_attempt())
    stored, fields = begin_incoming(database, incoming())
    assert stored.direction is Direction.INCOMING
    assert (stored.campaign, stored.number, stored.caller_id, stored.gateway) == ("spring", NUMBER, "0199999999", None)
    assert fields == stored.fields == {"name": "Zoë", "town": "Paris"}


def test_who_calls_another_campaign_is_the_contact_that_was_called_last(database: Database) -> None:
    for day, campaign in enumerate(("spring", "summer", "autumn")):
        new = replace(new_attempt(campaign=campaign), created_at=DIALLED + timedelta(days=day), fields={"c": campaign})
        begin(database, new)
    _, fields = begin_incoming(database, incoming(campaign="winter"))
    assert fields == {"c": "autumn"}
    _, fields = begin_incoming(database, incoming(campaign="summer"))
    assert fields == {"c": "summer"}
    with database.read() as session:
        assert AttemptRepository(session).last_campaign(NUMBER) == "autumn"
        assert AttemptRepository(session).last_campaign("+33140000002") is None


@pytest.mark.parametrize(("number", "campaign"), [("+33140000009", "spring"), (None, "spring"), (None, None)])
def test_a_stranger_becomes_no_contact(database: Database, number: str | None, campaign: str | None) -> None:
    stored, fields = begin_incoming(database, incoming(number, campaign))
    assert (stored.number, stored.campaign, fields) == (number, campaign, {})
    with database.write() as session:
        assert AttemptRepository(session).finish(stored.uuid, RESULT, [PROMPT, ANSWER], [], [])
        assert ContactRepository(session).states("spring") == {}


def test_a_call_that_came_in_leaves_the_state_of_its_contact_alone(database: Database) -> None:
    outgoing = begin(database, new_attempt())
    stored, _ = begin_incoming(database, incoming())
    with database.write() as session:
        AttemptRepository(session).finish(stored.uuid, RESULT, [], [], [])
        assert ContactRepository(session).states("spring") == {ContactState.IN_CALL: 1}
        AttemptRepository(session).finish(outgoing.uuid, RESULT, [], [], [])
        assert ContactRepository(session).states("spring") == {ContactState.DONE: 1}


def test_recordings_expire_in_their_order_and_are_forgotten(database: Database) -> None:
    expected = []
    for days in (3, 1, 2, None):
        new = begin(database, replace(new_attempt(), uuid=str(uuid4())))
        expires = None if days is None else DIALLED + timedelta(days=days)
        with database.write() as session:
            result = replace(RESULT, recording=f"/rec/{new.uuid}.wav", recording_expires_at=expires)
            AttemptRepository(session).finish(new.uuid, result, [], [], [])
        expected.append(ExpiredRecording(new.uuid, f"/rec/{new.uuid}.wav"))
    with database.read() as session:
        attempts = AttemptRepository(session)
        assert attempts.expired_recordings(DIALLED, 10) == []
        assert attempts.expired_recordings(DIALLED + timedelta(days=2), 10) == [expected[1], expected[2]]
        assert attempts.expired_recordings(DIALLED + timedelta(days=9), 2) == [expected[1], expected[2]]
    with database.write() as session:
        AttemptRepository(session).recording_deleted(expected[1].uuid)
    with database.read() as session:
        assert AttemptRepository(session).expired_recordings(DIALLED + timedelta(days=2), 10) == [expected[2]]
        assert AttemptRepository(session).get(expected[1].uuid).recording is None
