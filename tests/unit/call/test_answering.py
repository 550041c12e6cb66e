"""What is done about whoever picked up, and what is done when it was somebody else after all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from robot.call.amd.greetings import AmdClass
from robot.call.answer_policy import AnswerPolicy, AnswerScreening, HangUp, LeaveMessage, PressKeys
from robot.call.answering import Answering
from robot.call.who_picked_up import MayStart, PickedUp, WhoPickedUp

LEAVE = AnswerPolicy({AmdClass.VOICEMAIL: LeaveMessage("message")})


class Who:
    """Is told who it is by the test."""

    def __init__(self) -> None:
        self.latest: PickedUp | None = None
        self.may_start: MayStart | None = None
        self.news: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def is_now(self, kind: AmdClass) -> None:
        self.latest = PickedUp(kind, 0.9, "", 1.0)
        await self._told()

    async def beeped(self, at: float) -> None:
        self.may_start = MayStart(at + 0.12, at, "")
        await self._told()

    def start_again(self) -> None:
        self.latest = self.may_start = None
        news, self.news = self.news, asyncio.get_running_loop().create_future()
        news.set_result(None)

    async def _told(self) -> None:
        news, self.news = self.news, asyncio.get_running_loop().create_future()
        news.set_result(None)
        await settle()


@dataclass
class Speaker:
    """Notes what it does; what takes its time lasts until the test says that it is over."""

    deeds: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def converse(self) -> str:
        await self._do("converse")
        return "interested"

    async def leave(self, step: str) -> None:
        await self._do(f"leave {step}")

    async def press(self, digits: str) -> None:
        self.deeds.append(f"press {digits}")

    async def fall_silent(self) -> None:
        self.deeds.append("silent")

    async def _do(self, deed: str) -> None:
        self.deeds.append(deed)
        await self.over.wait()
        self.over.clear()

    async def ends(self) -> None:
        self.over.set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Call:
    def __init__(self, policy: AnswerPolicy | None = None) -> None:
        self.who = Who()
        self.speaker = Speaker()
        answering = Answering(cast(WhoPickedUp, self.who), policy or AnswerPolicy(), self.speaker)
        self.running = asyncio.create_task(answering.run())

    @property
    def deeds(self) -> list[str]:
        return self.speaker.deeds


async def test_a_human_is_talked_to() -> None:
    call = Call()
    await settle()
    assert call.deeds == []
    await call.who.is_now(AmdClass.HUMAN)
    assert call.deeds == ["converse"]
    await call.speaker.ends()
    assert await call.running == "interested"


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [("voicemail", "voicemail"), ("mailbox_full", "voicemail"), ("ivr", "voicemail"), ("fax", "invalid_number")],
)
async def test_machines_are_hung_up_on(kind: str, outcome: str) -> None:
    call = Call()
    await call.who.is_now(AmdClass(kind))
    assert await call.running == outcome
    assert call.deeds == []


async def test_who_was_silent_and_speaks_at_last_is_not_interrupted_for_it() -> None:
    call = Call()
    await call.who.is_now(AmdClass.SILENCE)
    await call.who.is_now(AmdClass.HUMAN)
    assert call.deeds == ["converse"]
    call.running.cancel()


async def test_silence_may_be_hung_up_on() -> None:
    call = Call(AnswerPolicy({AmdClass.SILENCE: HangUp("no_speech")}))
    await call.who.is_now(AmdClass.SILENCE)
    assert await call.running == "no_speech"


async def test_the_message_waits_for_the_beep_and_begins_again_after_another() -> None:
    call = Call(LEAVE)
    await call.who.is_now(AmdClass.VOICEMAIL)
    assert call.deeds == []
    await call.who.beeped(5.0)
    assert call.deeds == ["leave message"]
    await call.who.beeped(6.0)
    assert call.deeds == ["leave message", "silent", "leave message"]
    await call.speaker.ends()
    assert await call.running == "voicemail_left"


async def test_a_human_that_was_a_voicemail_hears_no_more_of_the_prompt() -> None:
    call = Call(LEAVE)
    await call.who.is_now(AmdClass.HUMAN)
    await call.who.is_now(AmdClass.VOICEMAIL)
    assert call.deeds == ["converse", "silent"]
    await call.who.beeped(9.0)
    assert call.deeds == ["converse", "silent", "leave message"]
    call.running.cancel()


async def test_a_human_that_was_a_voicemail_is_hung_up_on() -> None:
    call = Call()
    await call.who.is_now(AmdClass.HUMAN)
    await call.who.is_now(AmdClass.VOICEMAIL)
    assert call.deeds == ["converse", "silent"]
    assert await call.running == "voicemail"


async def test_a_screening_is_answered_and_the_person_talked_to() -> None:
    call = Call(AnswerPolicy({AmdClass.CALL_SCREENING: AnswerScreening("who_we_are")}))
    await call.who.is_now(AmdClass.CALL_SCREENING)
    assert call.deeds == [], "it is still asking"
    await call.who.beeped(4.0)
    await call.speaker.ends()
    await call.who.is_now(AmdClass.HUMAN)
    assert call.deeds == ["leave who_we_are", "converse"]
    call.running.cancel()


async def test_a_screening_is_talked_to_when_it_listens() -> None:
    call = Call()
    await call.who.is_now(AmdClass.CALL_SCREENING)
    assert call.deeds == []
    await call.who.beeped(4.0)
    assert call.deeds == ["converse"]
    call.running.cancel()


async def test_nobody_comes_after_a_menu() -> None:
    call = Call(AnswerPolicy({AmdClass.IVR: PressKeys("0")}))
    await call.who.is_now(AmdClass.IVR)
    await call.who.is_now(AmdClass.SILENCE)
    assert await call.running == "no_speech"
    assert call.deeds == ["press 0"]


async def test_a_menu_that_never_ends() -> None:
    call = Call(AnswerPolicy({AmdClass.IVR: PressKeys("0")}))
    for _ in range(4):
        await call.who.is_now(AmdClass.IVR)
    assert await call.running == "voicemail"
    assert call.deeds == ["press 0"] * 3


async def test_the_end_of_the_call_ends_what_is_being_done() -> None:
    call = Call()
    await call.who.is_now(AmdClass.HUMAN)
    call.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call.running
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []


async def test_what_goes_wrong_while_speaking_is_told() -> None:
    call = Call()

    async def broken() -> str:
        raise RuntimeError("no such prompt")

    call.speaker.converse = broken  # type: ignore[method-assign]
    await call.who.is_now(AmdClass.HUMAN)
    with pytest.raises(RuntimeError, match="no such prompt"):
        await call.running
