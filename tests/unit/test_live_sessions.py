"""How a call stands, by what it tells; and what is handed on of it when the store is slow or away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from robot.call.report import (
    BargedIn,
    CallBegan,
    CallOver,
    CallReport,
    HearingChanged,
    Notice,
    PromptBegan,
    Replied,
    ReplyChanged,
    StateChanged,
    TransferEnded,
    TurnEnded,
    WordsHeard,
)
from robot.call.states import CallState
from robot.live_sessions import LiveSessions
from robot.store.records import Direction, LatencyRecord, TurnRecord
from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.memory import MemorySessions
from robot.store.sessions.session import LONGEST_HISTORY, CallSession, Stage
from tests.waiting import until

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def began(uuid: str = "a") -> CallBegan:
    return CallBegan(uuid, "spring", Direction.OUTGOING, "+33140000001", "paris")


def turn(seq: int, speaker: str, text: str, start_ms: int) -> TurnEnded:
    return TurnEnded("a", TurnRecord(seq, speaker, text, None, start_ms, start_ms + 500, False))


class Store(MemorySessions):
    """In memory; `broken`: as if it were away. `puts`: what was put, call by call; `slow`: until it is set again."""

    def __init__(self) -> None:
        super().__init__()
        self.broken = False
        self.puts: list[list[CallSession]] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.asked = asyncio.Event()

    async def put(self, sessions: Sequence[CallSession]) -> None:
        self.asked.set()
        await self.answers.wait()
        if self.broken:
            raise SessionsUnavailable("away")
        if sessions:
            self.puts.append(list(sessions))
        await super().put(sessions)


async def handed_on(store: Store, *notices: Notice) -> list[CallSession]:
    live = LiveSessions(store, "acme", now=lambda: NOON)
    for notice in notices:
        live(notice)
    live.start()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    sessions = await store.all()
    await live.close()
    return sessions


async def stands(*notices: Notice) -> CallSession:
    [session] = await handed_on(Store(), began(), *notices)
    return session


async def test_a_call_that_begins() -> None:
    session = await stands()
    assert (session.uuid, session.campaign, session.tenant) == ("a", "spring", "acme")
    assert (session.number, session.node, session.direction) == ("+33140000001", "paris", Direction.OUTGOING)
    assert (session.state, session.began_at, session.answered_at, session.turn) == ("connecting", NOON, None, 0)
    assert session.robot.rpartition(":")[2].isdigit()


async def test_it_is_answered_and_speaks() -> None:
    session = await stands(
        StateChanged("a", CallState.ACTIVE, 0), StateChanged("a", CallState.SPEAKING, 40), PromptBegan("a", "Hello", 40)
    )
    assert (session.state, session.answered_at) == ("speaking", NOON)
    assert (session.speaker, session.saying) == ("robot", "Hello")


async def test_the_callee_talks_over_it() -> None:
    over = (PromptBegan("a", "Hello", 40), HearingChanged("a", True, False), BargedIn("a", 900, 300))
    session = await stands(*over)
    assert (session.speaker, session.saying, session.barge_ins) == ("callee", "Hello", 1)
    session = await stands(*over, turn(1, "robot", "Hello", 40))
    assert (session.speaker, session.saying) == ("callee", None)
    session = await stands(*over, HearingChanged("a", False, True))
    assert (session.speaker, session.active) == ("robot", frozenset({Stage.RECOGNITION}))


async def test_the_callees_words_are_told_as_they_come() -> None:
    speaking = (HearingChanged("a", True, False), WordsHeard("a", "I am"), WordsHeard("a", "I am not sure"))
    assert (await stands(*speaking)).hearing == "I am not sure"
    awaited = (*speaking, HearingChanged("a", False, True))
    assert (await stands(*awaited)).hearing == "I am not sure"
    assert (await stands(*awaited, turn(1, "callee", "I am not sure.", 40))).hearing is None
    # A cough has no words in the end.
    assert (await stands(*awaited, HearingChanged("a", False, False))).hearing is None


async def test_what_is_at_work_for_the_reply() -> None:
    heard = HearingChanged("a", False, True)
    session = await stands(heard, ReplyChanged("a", True, True))
    assert session.active == frozenset(Stage)
    session = await stands(heard, ReplyChanged("a", True, True), ReplyChanged("a", False, True))
    assert session.active == {Stage.RECOGNITION, Stage.SYNTHESIS}
    session = await stands(heard, ReplyChanged("a", True, True), HearingChanged("a", False, False))
    assert session.active == {Stage.MODEL, Stage.SYNTHESIS}


async def test_turns_stand_in_the_order_in_which_they_began() -> None:
    # The callee began before the robot did, and their text came after.
    session = await stands(turn(1, "robot", "Hello", 500), turn(1, "callee", "Who is it?", 100))
    assert [(each.seq, each.text) for each in session.history] == [(1, "Who is it?"), (2, "Hello")]
    assert session.turn == 2


@given(st.permutations(range(LONGEST_HISTORY + 5)))
def test_of_a_long_call_the_latest_turns_are_kept(order: list[int]) -> None:
    live = LiveSessions(MemorySessions(), now=lambda: NOON)
    live(began())
    told: list[int] = []
    for start_ms in order:
        told.append(start_ms)
        live(turn(sorted(told).index(start_ms) + 1, "callee", str(start_ms), start_ms))
    session = live._live["a"]
    assert session.turn == len(order)
    assert len(session.history) == LONGEST_HISTORY
    numbers = [each.seq for each in session.history]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == len(order)


async def test_latencies_of_replies() -> None:
    session = await stands(*(Replied("a", LatencyRecord(turn, 300, 100, None, None, turn)) for turn in range(1, 13)))
    assert [latency.total_ms for latency in session.latencies] == list(range(3, 13))


async def test_what_is_over_is_removed() -> None:
    store = Store()
    live = LiveSessions(store)
    live.start()
    live(began("a"))
    live(began("b"))
    await until(lambda: len(store.puts) == 1)
    live(CallOver("a", CallReport("a", "+33140000001")))
    live(StateChanged("a", CallState.ENDED, 1))  # of a call that is over there is nothing more to tell
    async with asyncio.timeout(5):
        while [session.uuid for session in await store.all()] != ["b"]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert len(store.puts) == 1
    await live.close()


async def test_a_call_that_was_over_at_once_is_never_put() -> None:
    assert await handed_on(Store(), began(), CallOver("a", CallReport("a", "+33140000001"))) == []


async def test_a_notice_that_says_nothing_of_it_changes_nothing() -> None:
    store = Store()
    live = LiveSessions(store)
    live.start()
    live(began())
    await until(lambda: len(store.puts) == 1)
    live(TransferEnded("a", False))
    live(StateChanged("nobody", CallState.ACTIVE, 0))
    live(BargedIn("a", 1, 1))
    await until(lambda: len(store.puts) == 2)
    await live.close()
    assert len(store.puts) == 2


async def test_the_newest_wins_while_the_store_is_slow() -> None:
    store = Store()
    store.answers.clear()
    live = LiveSessions(store)
    live.start()
    live(began())
    await store.asked.wait()
    for number in range(1000):
        live(BargedIn("a", number, 1))
    store.answers.set()
    await until(lambda: len(store.puts) == 2)
    await live.close()
    assert [put[0].barge_ins for put in store.puts] == [0, 1000]


async def test_many_are_handed_on_in_small_portions() -> None:
    store = Store()
    live = LiveSessions(store)
    for number in range(120):
        live(began(str(number)))
    live.start()
    await until(lambda: sum(map(len, store.puts)) == 120)
    await live.close()
    assert [len(put) for put in store.puts] == [50, 50, 20]


async def test_a_store_that_is_away_is_told_once_and_gets_all_when_it_is_back() -> None:
    store = Store()
    store.broken = True
    live = LiveSessions(store, again_s=0.01)
    live.start()
    with capture_logs() as log:
        live(began("a"))
        live(began("over"))
        await until(lambda: store.asked.is_set() and bool(log))
        for _ in range(5):
            store.asked.clear()
            await store.asked.wait()
        live(CallOver("over", CallReport("over", "+33140000001")))
        live(BargedIn("a", 1, 1))
        store.broken = False
        await until(lambda: len(log) == 2)
    assert [line["event"] for line in log] == ["sessions.away", "sessions.back"]
    assert [(each.uuid, each.barge_ins) for each in await store.all()] == [("a", 1)]
    await live.close()


async def test_a_session_of_which_nothing_is_new_is_kept() -> None:
    store = Store()
    live = LiveSessions(store, every_s=0.01)
    live.start()
    live(began())
    await until(lambda: len(store.puts) == 3)
    await live.close()
    assert {put[0].barge_ins for put in store.puts} == {0}


async def test_the_end_hands_on_what_is_left_but_does_not_wait_for_a_store_that_is_away() -> None:
    store = Store()
    live = LiveSessions(store)
    live.start()
    live(began())
    await until(lambda: len(store.puts) == 1)
    live(CallOver("a", CallReport("a", "+33140000001")))
    removed: list[str] = []

    async def remove(uuids: Sequence[str]) -> None:
        removed.extend(uuids)

    store.remove = remove  # type: ignore[method-assign]
    await live.close()
    assert removed == ["a"]

    store.broken = True
    live = LiveSessions(store)
    live.start()
    live(began())
    await until(lambda: live._away)
    store.asked.clear()
    await live.close()
    assert not store.asked.is_set()


async def test_a_keeper_that_dies_is_loud() -> None:
    store = Store()

    async def put(sessions: Sequence[CallSession]) -> None:
        raise RuntimeError("a defect")

    store.put = put  # type: ignore[method-assign]
    live = LiveSessions(store)
    live.start()
    with capture_logs() as log:
        live(began())
        with pytest.raises(RuntimeError):
            await live.task
        await live.close()
    assert [line["event"] for line in log] == ["sessions.died"]
