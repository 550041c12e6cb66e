"""Carries out what the script decides in one call: says, listens, presses keys, hands over. Hears barge-ins.

    Conversation (pure) ── Action ──▶ Talk ── prompts, keys, transfers ──▶ Channel
          ▲                            ▲
          └── answered, typed, said ───┘◀── speech, utterances, keys ── Hearing, Keys

How a call begins and ends, and what can end it early, is `call`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
from robot.call.playback import PlaybackState
from robot.call.playing import PlayingPrompt
from robot.call.prompting import CallPrompts
from robot.call.record import CallRecord
from robot.call.report import BargedIn, Notice, PromptBegan, TurnEnded
from robot.call.states import CallState
from robot.call.waiting import first_of
from robot.dialogue.conversation import Action, Conversation, HandOver, HangUp, OptOut, Post, Press, Say
from robot.dialogue.scenario import Listening, Prompt, Step

log = structlog.get_logger(__name__)

# A prompt that goes on after a false alarm begins a word or two before its cut.
_OVERLAP_MS: Final = 400
# An answer may come over the last words of the question.
_EARLY_ANSWER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class TalkParts:
    """What a conversation needs of its call.

    enter, tell: the call's state and its notices. progress: turns were added; what is known may be stored.
    """

    channel: Channel
    line: AudioLine
    hearing: Hearing
    prompts: CallPrompts
    record: CallRecord
    deeds: Deeds
    broadcast: bool  # how this node plays prompts
    enter: Callable[[CallState], None]
    tell: Callable[[Notice], None]
    progress: Callable[[], None]


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
        self._saying: Step | None = None
        self._answer: Utterance | None = None  # what the reply that comes next replies to
        self._opt_out: Utterance | None = None  # said over a prompt
        self.conclusion: str | None = None  # the outcome of a final step whose prompt has begun
        self.handed_over = False  # two people talk to each other, without us

    async def follow(self, action: Action) -> str | None:
        """From `action` to the end of the script; its outcome, None when it came to no conclusion.

        Raises CallFailure, and PromptError for a text that cannot be spoken.
        """
        while not isinstance(action, HangUp):
            action = await self._carry_out(action)
        return action.outcome

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
            case Press():
                return conversation.done()
            case OptOut():
                await deeds.opt_out()
                return conversation.opted_out()
            case Post(step, webhook):
                posted = await deeds.post(step.name, webhook, conversation.values)
                return conversation.done() if posted else conversation.failed()
            case HandOver():
                return conversation.failed()
            case HangUp():
                return action

    # -- say -----------------------------------------------------------------------------------------------------------

    async def _say(self, say: Say) -> Action:
        """Say what is to be said, hear the answer, and decide what is next."""
        self._keys.clear()
        self._opt_out = None
        self._parts.line.expect(self._conversation.expected_phrases())
        since, remark = self._loop.time(), None
        if say.variant is not None:
            prompt = await self._parts.prompts.prompt(say.variant, self._conversation.values)
            since, remark = await self._play(prompt, say)
        if self._opt_out is not None:
            return self._reply_to(self._opt_out, self._conversation.remarked)
        if say.listening is not None:
            return await self._listen(say.listening, since)
        self._parts.enter(CallState.PROCESSING)
        return self._conversation.said() if remark is None else self._reply_to(remark, self._conversation.remarked)

    async def _play(self, prompt: Prompt, say: Say) -> tuple[float, Utterance | None]:
        """Play to the end, or to a barge-in that was one. From when on what is said is an answer, and what was said.

        Raises PromptNotPlayed.
        """
        resume_after_ms = say.step.interruption.resume_after_ms if say.step.interruption is not None else None
        start_ms = 0
        while True:
            playing = await self._play_from(prompt, say, start_ms)
            began, ended = playing.playback.started_at, playing.playback.ended_at or self._loop.time()
            if playing.playback.state is not PlaybackState.INTERRUPTED:
                return self._answers_since(began or ended, ended), None
            if self._keys.begun or self._opt_out is not None:
                return ended, None
            words = await self._hearing.answer(ended, (resume_after_ms or 0) / 1000)
            false_alarm = words is None
            return ended, None if false_alarm else words

    def _answers_since(self, began: float, ended: float) -> float:
        """An answer over the last words of a question counts; what was said before is none."""
        for utterance in self._hearing.between(max(began, ended - _EARLY_ANSWER_S), ended):
            if self._conversation.answers_early(utterance.text):
                return utterance.started_at
        return ended

    async def _play_from(self, prompt: Prompt, say: Say, start_ms: int) -> PlayingPrompt:
        channel = self._parts.channel
        playing = self._playing = channel.play(prompt, root=self._parts.prompts.root, broadcast=self._parts.broadcast)
        # Not awaited here: a prompt also ends when the callee hangs up, which ends this task.
        playing.ended.add_done_callback(lambda _: self._prompt_ended(prompt, say.step, playing))
        await first_of(playing.started, playing.ended)
        if playing.started.done():
            self._prompt_began(prompt, say.step, playing.started.result())
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

    def _prompt_began(self, prompt: Prompt, step: Step, at: float) -> None:
        self._parts.enter(CallState.SPEAKING)
        self.conclusion = self._conversation.conclusion
        if step.interruption is not None:
            self._barge_in.arm(BargeInRule(step.interruption.threshold_ms), at * 1000)
        if self._answer is not None:
            note(self._uuid, self._record.replied(self._answer, at))
            self._answer = None
        self._parts.tell(PromptBegan(self._uuid, prompt.text, self._record.ms(at)))

    def _prompt_ended(self, prompt: Prompt, step: Step, playing: PlayingPrompt) -> None:
        self._barge_in.disarm()
        turn = self._record.prompt_ended(prompt.text, step.name, playing)
        if turn is not None:
            self._parts.tell(TurnEnded(self._uuid, turn))
        self._parts.progress()

    # -- listen --------------------------------------------------------------------------------------------------------

    async def _listen(self, listening: Listening, since: float) -> Action:
        conversation = self._conversation
        self._parts.enter(CallState.LISTENING)
        failures = self._hearing.failures
        spoken = self._loop.create_task(self._hearing.answer(since, listening.within_ms / 1000))
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

    def _stop_for_speech(self, at: float, over_prompt_ms: float, arrived_at: float) -> None:
        if self._playing is None or not self._playing.stop():
            return
        barge_in = self._record.barge_in(at, over_prompt_ms, arrived_at, self._playing)
        self._parts.tell(BargedIn(self._uuid, barge_in.at_ms, barge_in.speech_ms))

    def _on_key(self, key: str, at: float) -> None:
        if self._conversation.takes_keys():
            self._keys.press(key)
            self.silence()
