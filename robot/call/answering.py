"""Does what the campaign wants done about whoever picked up, and does something else when it was somebody else.

    WhoPickedUp ── who it is, when it listens ──▶ Answering ── converse, leave, press ──▶ Speaker (Talk)

What is being said is broken off as soon as it is known that it is said to the wrong one, or before the last beep.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final, Protocol

from robot.call.amd.greetings import AmdClass
from robot.call.answer_policy import (
    AnswerAction,
    AnswerPolicy,
    AnswerScreening,
    GoOn,
    HangUp,
    LeaveMessage,
    PressKeys,
)
from robot.call.outcome import Outcome
from robot.call.waiting import first_of
from robot.call.who_picked_up import MayStart, WhoPickedUp

# A menu may lead to another, a screening to a second one; whoever is not through by then never will be.
_MOST_MACHINES: Final = 3


class Speaker(Protocol):
    """What a call can do. Each may be cancelled at any time."""

    async def converse(self) -> str | None:
        """Have the conversation, from its first step to its outcome; None: it came to none of its own."""
        ...

    async def leave(self, step: str) -> None:
        """Say the prompt of a step to a machine, to its end, whatever is heard meanwhile."""
        ...

    async def press(self, digits: str) -> None:
        """Send keys."""
        ...

    async def fall_silent(self) -> None:
        """Stop what is being said; return when nothing more is heard of it."""
        ...


@dataclass(frozen=True, slots=True)
class _Over:
    """The call has come to its end."""

    outcome: str | None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be done now; `since` is when a machine listens, None where nobody waits for that."""

    action: AnswerAction
    since: MayStart | None


class Answering:
    """One call, from the first sound on."""

    def __init__(self, who: WhoPickedUp, policy: AnswerPolicy, speaker: Speaker) -> None:
        self._who = who
        self._policy = policy
        self._speaker = speaker
        self._machines = 0  # that were answered

    async def run(self) -> str | None:
        """The outcome; None: the conversation came to none of its own. Raises what the speaker raises."""
        over = None
        while over is None:
            wanted = self._wanted()
            if wanted is None:
                await first_of(self._who.news)
            else:
                over = await self._while_wanted(wanted)
        return over.outcome

    async def _while_wanted(self, wanted: _Wanted) -> _Over | None:
        """None: it is not over, because something else is wanted or somebody else comes on."""
        doing = asyncio.get_running_loop().create_task(self._do(wanted.action))
        try:
            while not doing.done() and self._wanted() == wanted:
                await first_of(doing, self._who.news)
            if doing.done():
                return doing.result()
        finally:
            doing.cancel()
            await asyncio.wait({doing})
        await self._speaker.fall_silent()
        return None

    def _wanted(self) -> _Wanted | None:
        """None: nothing until more is known."""
        picked_up = self._who.latest
        if picked_up is None:
            return None
        action = self._policy.action(picked_up.kind)
        if self._machines and picked_up.kind is AmdClass.SILENCE:
            action = HangUp(Outcome.NO_SPEECH)
        if isinstance(action, AnswerScreening | PressKeys) and self._machines == _MOST_MACHINES:
            action = HangUp(Outcome.VOICEMAIL)
        listens_later = picked_up.kind in (AmdClass.VOICEMAIL, AmdClass.CALL_SCREENING)
        if not listens_later or isinstance(action, HangUp):
            return _Wanted(action, None)
        return None if self._who.may_start is None else _Wanted(action, self._who.may_start)

    async def _do(self, action: AnswerAction) -> _Over | None:
        match action:
            case HangUp(outcome):
                return _Over(outcome)
            case GoOn():
                return _Over(await self._speaker.converse())
            case LeaveMessage(step):
                await self._speaker.leave(step)
                return _Over(Outcome.VOICEMAIL_LEFT)
            case AnswerScreening(step):
                await self._speaker.leave(step)
            case PressKeys(digits):
                await self._speaker.press(digits)
        self._machines += 1
        self._who.start_again()
        return None
