"""Carries out what the script decides in one call: says, listens, presses keys, hands over. Hears barge-ins.

    Conversation (pure) ── Action ──▶ Talk ── prompts, keys, transfers ──▶ Channel
          ▲                            ▲
          └── answered, typed, said ───┘◀── speech, utterances, keys ── Hearing, Keys

How a call begins and ends, and what can end it early, is `call`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import structlog

from robot.call.audio_line import AudioLine
from robot.call.barge_in import BargeInDetector, BargeInRule
from robot.call.channel import Channel
from robot.call.deeds import Deeds
from robot.call.failures import PromptNotPlayed
from robot.call.hearing import Hearing, Utterance
from robot.call.keys import Keys
from robot.call.latency import note
from robot.call.outcome import Outcome
from robot.call.plan import CallPlan
from robot.call.playback import PlaybackState
from robot.call.playing import PlayingPrompt, retrieve
from robot.call.prompting import CallPrompts
from robot.call.record import CallRecord
from robot.call.report import BargedIn, Notice, PromptBegan, TransferEnded, TurnEnded
from robot.call.states import CallState
from robot.call.transfer import TransferEnd, TransferPlan, transfer
from robot.call.waiting import first_of
from robot.dialogue.conversation import Action, Conversation, HandOver, HangUp, OptOut, Post, Press, Say
from robot.dialogue.interruption import interruption_words
from robot.dialogue.scenario import Listening, Prompt, Step, Variant
from robot.esl.client import EventSocketClient
from robot.esl.commands import Extension, Trunk

log = structlog.get_logger(__name__)

# A prompt that goes on after a false alarm begins a word or two before its cut.
_OVERLAP_MS: Final = 400
# An answer may come over the last words of the question.
_EARLY_ANSWER_S: Final = 2.0
# So long after speech that stopped a prompt nobody waits for its words any more.
_NO_WORDS_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class _Played:
    """A prompt is over. Words that end after `answers_from` may be an answer; `words` are those that stopped it.

    Times on the loop's clock.
    """

    ended_at: float
    answers_from: float
    words: Utterance | None = None


@dataclass(frozen=True, slots=True)
class TalkParts:
    """What a conversation needs of its call.

    enter, tell: the call's state and its notices. progress: turns were added; what is known may be stored. handed_over:
    the callee talks to somebody else: no limit is ours any more.
    """

    channel: Channel
    line: AudioLine
    hearing: Hearing
    prompts: CallPrompts
    record: CallRecord
    deeds: Deeds
    switch: EventSocketClient
    plan: CallPlan
    broadcast: bool  # how this node plays prompts
    enter: Callable[[CallState], None]
    tell: Callable[[Notice], None]
    progress: Callable[[], None]
    handed_over: Callable[[], Awaitable[None]]


class Talk:
    """One conversation over one channel."""

    def __init__(self, uuid: str, conversation: Conversation, parts: TalkParts) -> None:
        self._uuid = uuid
        self._conversation = conversation
        self._parts = parts
        self._record = parts.record
        self._hearing = parts.hearing
        self._loop = asyncio.get_running_loop()
        self._barge_in = BargeInDetector()
        self._keys = Keys()
        self._playing: PlayingPrompt | None = None
        self._answer: Utterance | None = None  # what the reply that comes next replies to
        self._opt_out: Utterance | None = None  # said over a prompt
        self.conclusion: str | None = None  # the outcome of a final step whose prompt has begun
        self.handed_over_to: str | None = None  # two people talk to each other, without us
        parts.channel.on_key = self._on_key

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
            await self._play_from(prompt, say.step, BargeInRule(None), 0)

    async def press(self, digits: str) -> None:
        """Press keys, for a menu."""
        await self._parts.channel.press(digits)

    async def fall_silent(self) -> None:
        """Break off what is being said, to whom it does not concern; return when nothing more is heard of it."""
        self.silence()
        self.conclusion = None
        if self._playing is not None:
            self._playing.ended.add_done_callback(retrieve)
            await first_of(self._playing.ended)

    def silence(self) -> None:
        """Stop what is being said."""
        self._barge_in.disarm()
        if self._playing is not None:
            self._playing.stop()

    async def _carry_out(self, action: Action) -> Action:
        conversation, deeds = self._conversation, self._parts.deeds
        match action:
            case Say():
                return await self._say(action)
            case Press(keys):
                await self._parts.channel.press(keys)
                return conversation.done()
            case OptOut():
                await deeds.opt_out()
                return conversation.opted_out()
            case Post(step, webhook):
                posted = await deeds.post(step.name, webhook, conversation.values)
                return conversation.done() if posted else conversation.failed()
            case HandOver():
                return await self._hand_over(action)
            case HangUp():
                return action

    async def _hand_over(self, action: HandOver) -> Action:
        conversation, parts, order = self._conversation, self._parts, action.transfer
        announce, wait = await self._optional(action.announce), await self._optional(action.wait)
        gateway, number_format = parts.plan.gateway, parts.plan.number_format
        to = Trunk(gateway, order.number, number_format) if order.number else Extension(order.extension or "")
        plan = TransferPlan(to, announce, wait, order.ring_timeout_s)
        result = await transfer(parts.channel, plan, parts.switch, root=parts.prompts.root, broadcast=parts.broadcast)
        parts.tell(TransferEnded(self._uuid, result.end is TransferEnd.TAKEN))
        if result.end is not TransferEnd.TAKEN:
            log.info("transfer.not_taken", uuid=self._uuid, end=result.end.name, cause=result.cause)
            return conversation.failed()
        self.conclusion = conversation.step.outcome or Outcome.TRANSFERRED
        self.handed_over_to = order.number or order.extension
        await parts.handed_over()
        await parts.line.stop()
        await asyncio.shield(parts.channel.hung_up)
        return HangUp(self.conclusion)

    async def _optional(self, variant: Variant | None) -> Prompt | None:
        return None if variant is None else await self._parts.prompts.prompt(variant, self._conversation.values)

    # -- say -----------------------------------------------------------------------------------------------------------

    async def _say(self, say: Say) -> Action:
        """Say what is to be said, hear the answer, and decide what is next."""
        conversation = self._conversation
        self._keys.clear()
        self._opt_out = None
        self._parts.line.expect(conversation.expected_phrases())
        now = self._loop.time()
        played = _Played(now, now)
        if say.variant is not None:
            prompt = await self._parts.prompts.prompt(say.variant, conversation.values)
            played = await self._play(prompt, say.step)
        if (opt_out := self._said_over_prompt()) is not None:
            return self._reply_to(opt_out, conversation.remarked)
        if say.listening is not None:
            return await self._listen(say.listening, played)
        self._parts.enter(CallState.PROCESSING)
        return conversation.said() if played.words is None else self._reply_to(played.words, conversation.remarked)

    async def _play(self, prompt: Prompt, step: Step) -> _Played:
        """Play to the end, or until the callee talked over it and had something to say. Raises PromptNotPlayed."""
        rule = self._rule(step)
        start_ms = 0
        while True:
            playing = await self._play_from(prompt, step, rule, start_ms)
            ended_at = playing.playback.ended_at or self._loop.time()
            if playing.playback.state is not PlaybackState.INTERRUPTED or self._keys.begun or self._opt_out is not None:
                began_at = playing.playback.started_at or ended_at
                return _Played(ended_at, max(began_at, ended_at - _EARLY_ANSWER_S))
            self._parts.enter(CallState.LISTENING)
            spoken_from = self._barge_in.began_ms / 1000
            words = await self._hearing.interruption(
                spoken_from,
                (rule.resume_after_ms or _NO_WORDS_MS) / 1000,
                clear=self._conversation.is_clear,
                counts=lambda text, _: not rule.words.ignorable(text),
            )
            self._parts.enter(CallState.PROCESSING)
            if words is not None or rule.resume_after_ms == 0 or self._parts.channel.hung_up.done():
                return _Played(ended_at, spoken_from, words)
            start_ms = max(start_ms, playing.played_ms(ended_at) - _OVERLAP_MS)

    def _said_over_prompt(self) -> Utterance | None:
        return self._opt_out

    def _rule(self, step: Step) -> BargeInRule:
        interruption = step.interruption
        if interruption is None:
            return BargeInRule(None)
        words = interruption_words(self._conversation.language, interruption.stop_words, interruption.ignore_words)
        return BargeInRule(interruption.threshold_ms, words, interruption.resume_after_ms or 0)

    async def _play_from(self, prompt: Prompt, step: Step, rule: BargeInRule, start_ms: int) -> PlayingPrompt:
        channel, prompts = self._parts.channel, self._parts.prompts
        playing = self._playing = channel.play(
            prompt, root=prompts.root, broadcast=self._parts.broadcast, start_ms=start_ms, rate=prompts.rate
        )
        # Not awaited here: a prompt also ends when the callee hangs up, which ends this task.
        playing.ended.add_done_callback(lambda _: self._prompt_ended(prompt, step, playing))
        await first_of(playing.started, playing.ended)
        if playing.started.done():
            self._prompt_began(prompt, rule, playing.started.result())
        ended = await asyncio.shield(playing.ended)
        if ended is PlaybackState.MISSING:
            raise PromptNotPlayed(
                f"FreeSWITCH cannot open the prompt {prompt.file}: it must be readable for FreeSWITCH's user, on its "
                "machine (`prompts.folder` in robot.toml)"
            )
        if ended is PlaybackState.NEVER_STARTED and not channel.hung_up.done():
            raise PromptNotPlayed(
                f"FreeSWITCH took the prompt {prompt.file} and never played it: see its log, freeswitch.log"
            )
        return playing

    def _prompt_began(self, prompt: Prompt, rule: BargeInRule, at: float) -> None:
        self._parts.enter(CallState.SPEAKING)
        self.conclusion = self._conversation.conclusion
        self._barge_in.arm(rule, at * 1000)
        self._parts.line.hear_over_prompt(rule.threshold_ms is not None)
        if self._answer is not None:
            note(self._uuid, self._record.replied(self._answer, at))
            self._answer = None
        self._parts.tell(PromptBegan(self._uuid, prompt.text, self._record.ms(at)))

    def _prompt_ended(self, prompt: Prompt, step: Step, playing: PlayingPrompt) -> None:
        self._barge_in.disarm()
        self._parts.line.hear_over_prompt(False)
        turn = self._record.prompt_ended(prompt.text, step.name, playing)
        if turn is not None:
            self._parts.tell(TurnEnded(self._uuid, turn))
        self._parts.progress()

    # -- listen --------------------------------------------------------------------------------------------------------

    async def _listen(self, listening: Listening, played: _Played) -> Action:
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
        self._answer = utterance
        return reply(utterance.text)

    # -- the callee speaks, or presses keys ----------------------------------------------------------------------------

    def on_speech(self, run_started_at: float, at: float, arrived_at: float) -> None:
        """A voiced frame, from within the audio path: a barge-in leaves for FreeSWITCH from here."""
        over_prompt_ms = self._barge_in.speech(run_started_at * 1000, at * 1000)
        if over_prompt_ms is not None:
            self._stop_for_speech(at, over_prompt_ms, arrived_at)

    def on_utterance(self, utterance: Utterance) -> None:
        understanding = self._conversation.understand(utterance.text)
        turn = self._record.utterance(utterance, self._conversation.step.name, understanding)
        self._parts.tell(TurnEnded(self._uuid, turn))
        playing = self._playing
        if playing is not None and not playing.ended.done() and self._conversation.opts_out(utterance.text):
            # Nobody should have to say it twice because they were shorter than a barge-in.
            self._opt_out = utterance
            self.silence()

    def on_words(self, text: str, started_at: float, until: float) -> None:
        """What is recognised so far of an utterance."""
        over_prompt_ms = self._barge_in.heard(text, started_at * 1000, until * 1000)
        if over_prompt_ms is not None:
            self._stop_for_speech(until, over_prompt_ms, self._loop.time())

    def _stop_for_speech(self, at: float, over_prompt_ms: float, arrived_at: float) -> None:
        if self._playing is None or not self._playing.stop():
            return
        barge_in = self._record.barge_in(at, over_prompt_ms, arrived_at, self._playing)
        self._parts.tell(BargedIn(self._uuid, barge_in.at_ms, barge_in.speech_ms))

    def _on_key(self, key: str, at: float) -> None:
        if self._conversation.takes_keys():
            self._keys.press(key)
            self.silence()
