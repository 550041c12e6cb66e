"""Carries out what the script decides in one call: says, listens, presses keys, hands over.

    Conversation (pure) ── Action ──▶ Talk ── prompts (Speaking), keys, transfers ──▶ Door
          ▲                            ▲
          └── answered, typed, said ───┘◀── utterances, keys ── Hearing, Keys

How a call begins and ends, and what can end it early, is `call`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from robot.call.agent_talk import Opening
from robot.call.barge_in import BargeInRule
from robot.call.deeds import Deeds
from robot.call.door import Door
from robot.call.hearing import Hearing, Utterance
from robot.call.holding import Holding, HoldingParts, Thinking
from robot.call.keys import Keys
from robot.call.outcome import Outcome
from robot.call.plan import CallPlan
from robot.call.prompting import CallPrompts
from robot.call.record import CallRecord
from robot.call.report import Notice, TransferEnded, TurnEnded
from robot.call.speaking import Played, Speaking, SpeakingParts
from robot.call.states import CallState
from robot.call.waiting import first_of
from robot.dialogue.conversation import Action, Conversation, Converse, HandOver, HangUp, OptOut, Post, Press, Say
from robot.dialogue.error_codes import ErrorCode
from robot.dialogue.interruption import interruption_words
from robot.dialogue.scenario import Held, Listening, Prompt, Step, Variant
from robot.store.records import Handover

# The turn that goes on, and the goodbye.
_FAREWELL_S: Final = 12.0


@dataclass(frozen=True, slots=True)
class TalkParts:
    """What a conversation needs of its call.

    fault: something went wrong that the call survives, with the reason for the log. enter, tell: the call's state and
    its notices. progress: turns were added; what is known may be stored. handed_over:
    the callee talks to somebody else: no limit is ours any more.
    """

    door: Door
    hearing: Hearing
    prompts: CallPrompts
    record: CallRecord
    deeds: Deeds
    plan: CallPlan
    thinking: Thinking
    fault: Callable[[ErrorCode, str], None]
    enter: Callable[[CallState], None]
    tell: Callable[[Notice], None]
    progress: Callable[[], None]
    handed_over: Callable[[], Awaitable[None]]


class Talk:
    """One conversation, through one door."""

    def __init__(self, uuid: str, conversation: Conversation, parts: TalkParts) -> None:
        self._uuid = uuid
        self._conversation = conversation
        self._parts = parts
        self._record = parts.record
        self._hearing = parts.hearing
        self._loop = asyncio.get_running_loop()
        self._keys = Keys()
        self._speaking = Speaking(
            uuid, SpeakingParts(parts.door, parts.hearing, parts.record, parts.enter, parts.tell, parts.progress)
        )
        self._holding = Holding(
            uuid,
            HoldingParts(
                thinking=parts.thinking, voice=parts.plan.voice, values=conversation.values, zone=parts.plan.zone,
                conversation=conversation, door=parts.door, hearing=parts.hearing, speaking=self._speaking,
                prompts=parts.prompts, enter=parts.enter, tell=parts.tell, fault=parts.fault,
                opted_out=lambda: self._opt_out, conclude=self._conclude_with, ends_at=self._ends_at,
            ),
        )  # fmt: skip
        self._opening: Opening | None = None  # what a step that a model holds has said by itself
        self._opt_out: Utterance | None = None  # said over a prompt
        self.conclusion: str | None = None  # the outcome of a final step whose prompt has begun
        self.handed_over_to: str | None = None  # two people talk to each other, without us
        self.handover: Handover | None = None  # the last
        self.on_speech = self._speaking.on_speech
        self.on_words = self._speaking.on_words
        parts.door.on_key = self._on_key

    async def follow(self, action: Action) -> str | None:
        """From `action` to the end of the script; its outcome, None when it came to no conclusion.

        Raises CallFailure, and PromptError for a text that cannot be spoken.
        """
        while not isinstance(action, HangUp):
            action = await self._carry_out(action)
        return action.outcome

    async def converse(self) -> str | None:
        """The conversation, from its first step to its outcome; None: it came to no conclusion."""
        return await self.follow(self._conversation.begin())

    async def leave(self, step: str) -> None:
        """Say the prompt of `step` to a machine, to its end, whatever is heard meanwhile."""
        say = self._conversation.leave_message(step)
        if say.variant is not None:
            prompt = await self._parts.prompts.prompt(say.variant, self._conversation.values)
            await self._speaking.play(prompt, say.step.name, BargeInRule(None), began=self._conclude)

    async def press(self, digits: str) -> None:
        """Press keys, for a menu."""
        await self._parts.door.press(digits)

    async def fall_silent(self) -> None:
        """Break off what is being said, to whom it does not concern; return when nothing more is heard of it."""
        self.conclusion = None
        await self._speaking.fall_silent()

    async def _carry_out(self, action: Action) -> Action:
        conversation, deeds = self._conversation, self._parts.deeds
        match action:
            case Say():
                return await self._say(action)
            case Press(keys):
                await self._parts.door.press(keys)
                return conversation.done()
            case OptOut():
                await deeds.opt_out()
                return conversation.opted_out()
            case Post(step, webhook):
                posted = await deeds.post(step.name, webhook, conversation.values)
                return conversation.done() if posted else conversation.failed()
            case HandOver():
                return await self._hand_over(action)
            case Converse():
                opening, self._opening = self._opening, None
                return await self._holding.run(action, self._rule(action.step), opening)
            case HangUp():
                return action

    async def _hand_over(self, action: HandOver) -> Action:
        conversation, parts, order = self._conversation, self._parts, action.transfer
        announce, wait = await self._optional(action.announce), await self._optional(action.wait)
        taken = False
        try:
            taken = await parts.door.hand_over(order, announce, wait)
        finally:  # also for a callee who hangs up meanwhile, by which this is cancelled
            taken = taken or parts.door.handed_over
            self.handover = Handover.CONNECTED if taken else Handover.ABANDONED
            if taken:
                self.conclusion = conversation.step.outcome or Outcome.TRANSFERRED
                self.handed_over_to = order.number or order.extension
            parts.tell(TransferEnded(self._uuid, taken))
        if not taken:
            return conversation.failed()
        await parts.handed_over()
        await parts.door.stop_listening()
        await asyncio.shield(parts.door.hung_up)
        return HangUp(self.conclusion)

    async def _optional(self, variant: Variant | None) -> Prompt | None:
        return None if variant is None else await self._parts.prompts.prompt(variant, self._conversation.values)

    # -- say -----------------------------------------------------------------------------------------------------------

    async def _say(self, say: Say) -> Action:
        """Say what is to be said, hear the answer, and decide what is next."""
        conversation = self._conversation
        self._keys.clear()
        self._opt_out = None
        self._parts.door.expect(conversation.expected_phrases())
        now = self._loop.time()
        played, prompt = Played(now, now), None
        if say.variant is not None:
            prompt = await self._parts.prompts.prompt(say.variant, conversation.values)
            played = await self._play(prompt, say.step)
        if (opt_out := self._said_over_prompt()) is not None:
            return self._reply_to(opt_out, conversation.remarked)
        if isinstance(say.step.does, Held):
            self._opening = None if prompt is None else Opening(prompt, played)
            return conversation.said()
        if say.listening is not None:
            return await self._listen(say.listening, played)
        self._parts.enter(CallState.PROCESSING)
        return conversation.said() if played.words is None else self._reply_to(played.words, conversation.remarked)

    async def _play(self, prompt: Prompt, step: Step) -> Played:
        return await self._speaking.say(
            prompt,
            step.name,
            self._rule(step),
            clear=self._conversation.is_clear,
            settled=lambda: self._keys.begun or self._opt_out is not None,
            began=self._conclude,
        )

    def _conclude(self) -> None:
        self.conclusion = self._conversation.conclusion

    def _conclude_with(self, outcome: str) -> None:
        self.conclusion = outcome

    def _ends_at(self) -> float:
        """When there is just time left to say goodbye."""
        begun_at = self._loop.time() if self._record.answered_at is None else self._record.answered_at
        longest_s = self._parts.plan.max_call_s
        return begun_at + longest_s - min(_FAREWELL_S, longest_s / 10)

    def _said_over_prompt(self) -> Utterance | None:
        return self._opt_out

    def _rule(self, step: Step) -> BargeInRule:
        interruption = step.interruption
        if interruption is None:
            return BargeInRule(None)
        words = interruption_words(self._conversation.language, interruption.stop_words, interruption.ignore_words)
        return BargeInRule(interruption.threshold_ms, words, interruption.resume_after_ms or 0)

    # -- listen --------------------------------------------------------------------------------------------------------

    async def _listen(self, listening: Listening, played: Played) -> Action:
        conversation = self._conversation
        if played.words is not None:
            return self._reply_to(played.words, conversation.answered)
        self._parts.enter(CallState.LISTENING)
        failures = self._hearing.failures
        spoken = self._loop.create_task(
            self._hearing.answer(
                played.ended_at,
                listening.within_ms / 1000,
                said_after=played.answers_from,
                clear=conversation.is_clear,
                counts=lambda text, ended_at: ended_at > played.ended_at or conversation.answers_early(text),
            )
        )
        typed = self._loop.create_task(self._keys.answer(frozenset(listening.keys), several=listening.keep is not None))
        try:
            await first_of(spoken, *([typed] if conversation.takes_keys() else []))
            if self._keys.begun and conversation.takes_keys():
                await asyncio.wait({typed})
        finally:
            for task in (spoken, typed):
                task.cancel()
            await asyncio.wait({spoken, typed})
        self._parts.enter(CallState.PROCESSING)
        self._parts.progress()
        if not typed.cancelled():
            return conversation.typed(typed.result())
        answer = spoken.result()
        if answer is not None:
            return self._reply_to(answer, conversation.answered)
        return conversation.not_understood() if self._hearing.failures > failures else conversation.silent()

    def _reply_to(self, utterance: Utterance, reply: Callable[[str], Action]) -> Action:
        self._speaking.replies_to = utterance
        return reply(utterance.text)

    # -- the callee speaks, or presses keys ----------------------------------------------------------------------------

    def on_utterance(self, utterance: Utterance) -> None:
        understanding = self._conversation.understand(utterance.text)
        turn = self._record.utterance(utterance, self._conversation.step.name, understanding)
        self._parts.tell(TurnEnded(self._uuid, turn))
        if self._speaking.sounds and self._conversation.opts_out(utterance.text):
            # Nobody should have to say it twice because they were shorter than a barge-in.
            self._opt_out = utterance
            self._speaking.silence()

    def _on_key(self, key: str, at: float) -> None:
        if self._conversation.takes_keys():
            self._keys.press(key)
            self._speaking.silence()
