"""Which reply answers which command: our Exchange against a FreeSWITCH in ten lines, in every order of things."""

from __future__ import annotations

from collections import deque

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from robot.esl.errors import CommandStage
from robot.esl.exchange import Exchange, Full, OutOfStep, Settled

NOT_SENT, UNCONFIRMED, ACCEPTED = CommandStage.NOT_SENT, CommandStage.UNCONFIRMED, CommandStage.ACCEPTED


class TwoEnds(RuleBasedStateMachine):
    """Commands carry their ticket as text and FreeSWITCH echoes it: a reply at the wrong command shows at once."""

    def __init__(self) -> None:
        super().__init__()
        self.exchange = Exchange()
        self.in_line: deque[tuple[int, str | None]] = deque()  # not written yet
        self.at_freeswitch: deque[tuple[int, str | None]] = deque()  # written, unanswered
        self.untold = 0  # the greatest ticket that was written and not reported yet
        self.running: dict[str, int] = {}  # jobs in FreeSWITCH
        self.alive: dict[int, CommandStage] = {}  # what somebody waits for, and the stage it must have
        self.jobs_of: dict[int, str] = {}
        self.now = 1.0

    def expect(self, settled: Settled | None, ticket: int) -> None:
        if ticket not in self.alive:
            assert settled is None, "an answer went to somebody who had left"
            return
        assert settled is not None
        assert (settled.ticket, settled.text) == (ticket, str(ticket))
        assert 1.0 < settled.sent_at <= settled.at
        del self.alive[ticket]

    @rule(job=st.booleans())
    def submit(self, job: bool) -> None:
        job_uuid = f"job-{self.now}-{len(self.jobs_of)}" if job else None
        ticket = self.exchange.submit(job_uuid)
        self.in_line.append((ticket, job_uuid))
        self.alive[ticket] = NOT_SENT
        if job_uuid:
            self.jobs_of[ticket] = job_uuid

    @precondition(lambda self: self.in_line)
    @rule()
    def write(self) -> None:
        command = self.in_line.popleft()
        self.at_freeswitch.append(command)
        self.untold = command[0]
        if command[1]:
            self.running[command[1]] = command[0]

    @rule()
    def report_written(self) -> None:
        self.now += 1
        self.exchange.wrote(self.untold, self.now)
        for ticket, stage in self.alive.items():
            if stage is NOT_SENT and ticket <= self.untold:
                self.alive[ticket] = UNCONFIRMED

    @precondition(lambda self: self.at_freeswitch)
    @rule()
    def reply(self) -> None:
        self.now += 1
        ticket, job_uuid = self.at_freeswitch.popleft()
        if job_uuid is None:
            self.expect(self.exchange.replied(str(ticket), self.now), ticket)
        else:
            assert self.exchange.replied("+OK Job-UUID", self.now, job_uuid) is None
            if ticket in self.alive:
                self.alive[ticket] = ACCEPTED

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def finish_job(self, data: st.DataObject) -> None:
        """May come before the reply that the job was begun."""
        self.now += 1
        job_uuid = data.draw(st.sampled_from(sorted(self.running)))
        ticket = self.running.pop(job_uuid)
        self.expect(self.exchange.job_done(job_uuid, str(ticket), self.now), ticket)

    @precondition(lambda self: self.alive)
    @rule(data=st.data())
    def abandon(self, data: st.DataObject) -> None:
        """A time limit, or a cancelled task."""
        ticket = data.draw(st.sampled_from(sorted(self.alive)))
        place = next((each for each in self.in_line if each[0] == ticket), None)
        stage = self.exchange.abandon(ticket, withdrawn=place is not None)
        if place is not None:
            self.in_line.remove(place)
            assert stage is NOT_SENT
        else:
            assert stage is (ACCEPTED if self.alive[ticket] is ACCEPTED else UNCONFIRMED)
        del self.alive[ticket]

    @rule()
    def lose_the_connection(self) -> None:
        self.report_written()  # the link tells what it wrote before it says that it is down
        assert dict(self.exchange.lost()) == self.alive
        self.alive.clear()
        self.in_line.clear()
        self.at_freeswitch.clear()
        self.running.clear()

    @rule()
    def somebody_elses_job(self) -> None:
        assert self.exchange.job_done("another client's", "+OK", self.now) is None

    @invariant()
    def counts_those_who_wait(self) -> None:
        assert len(self.exchange) == len(self.alive)


def test_an_answer_never_reaches_the_wrong_command() -> None:
    run_state_machine_as_test(TwoEnds, settings=settings(max_examples=100, stateful_step_count=40, deadline=None))


def test_the_stages_of_a_lost_connection() -> None:
    exchange = Exchange()
    accepted, written, waiting = exchange.submit("job"), exchange.submit(), exchange.submit()
    exchange.wrote(written, at=1.0)
    exchange.replied("+OK Job-UUID: job", 2.0, "job")
    assert exchange.lost() == [(accepted, ACCEPTED), (written, UNCONFIRMED), (waiting, NOT_SENT)]
    assert len(exchange) == 0


def test_a_late_reply_goes_to_nobody() -> None:
    exchange = Exchange()
    slow, next_one = exchange.submit(), exchange.submit()
    exchange.wrote(next_one, at=1.0)
    assert exchange.abandon(slow) is UNCONFIRMED
    assert exchange.replied("late", 2.0) is None
    assert exchange.replied("mine", 3.0) == Settled(next_one, "mine", 1.0, 3.0)


def test_a_command_that_was_taken_back_has_no_reply() -> None:
    exchange = Exchange()
    taken_back, sent = exchange.submit(), exchange.submit()
    assert exchange.abandon(taken_back, withdrawn=True) is NOT_SENT
    exchange.wrote(sent, at=1.0)
    assert exchange.replied("mine", 2.0) == Settled(sent, "mine", 1.0, 2.0)


def test_what_was_not_taken_back_may_have_been_written() -> None:
    exchange = Exchange()
    assert exchange.abandon(exchange.submit()) is UNCONFIRMED


def test_a_job_that_freeswitch_refuses_to_begin() -> None:
    exchange = Exchange()
    ticket = exchange.submit("job")
    exchange.wrote(ticket, 1.0)
    assert exchange.replied("-ERR command not found", 2.0) == Settled(ticket, "-ERR command not found", 1.0, 2.0)
    assert exchange.job_done("job", "+OK", 3.0) is None


def test_a_freeswitch_that_names_jobs_itself() -> None:
    exchange = Exchange()
    ticket = exchange.submit("mine")
    exchange.wrote(ticket, 1.0)
    exchange.replied("+OK Job-UUID: its", 2.0, "its")
    assert exchange.job_done("its", "+OK done", 3.0) == Settled(ticket, "+OK done", 1.0, 3.0)


def test_a_reply_to_no_command() -> None:
    with pytest.raises(OutOfStep):
        Exchange().replied("+OK", 1.0)


def test_what_is_pending_is_bounded_and_a_tombstone_counts_until_its_reply() -> None:
    exchange = Exchange(max_pending=2)
    first, second = exchange.submit(), exchange.submit()
    exchange.wrote(second, 1.0)
    exchange.abandon(first)
    with pytest.raises(Full):
        exchange.submit()
    exchange.replied("late", 2.0)
    exchange.submit()
