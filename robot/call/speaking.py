"""Says prompts to the callee and stops them when they are talked over, whoever decided what is said.

Talk, AgentTalk ── a prompt, a rule ──▶ Speaking ── play, stop ──▶ Door
                                          ▲
                    Hearing ── frames, words, from within the audio path
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from robot.call.barge_in import BargeInDetector, BargeInRule
from robot.call.door import Door, Playing
from robot.call.failures import PromptNotPlayed
from robot.call.hearing import Hearing, Utterance
from robot.call.latency import ReplyTimes, note
from robot.call.playback import PlaybackState
from robot.call.playing import retrieve
from robot.call.record import CallRecord
from robot.call.report import BargedIn, Notice, PromptBegan, Replied, TurnEnded
from robot.call.states import CallState
from robot.call.waiting import first_of
from robot.dialogue.scenario import Prompt

# A prompt that goes on after a false alarm begins a word or two before its cut.
_OVERLAP_MS: Final = 400
# An answer may come over the last words of the question.
_EARLY_ANSWER_S: Final = 2.0
# So long after speech that stopped a prompt nobody waits for its words any more.
_NO_WORDS_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Played:
    """A prompt is over. Words that end after `answers_from` may be an answer; `words` are those that stopped it.

    Times on the loop's clock. heard_ms: how much of the file the callee has heard, None: all of it.
    """

    ended_at: float
    answers_from: float
    words: Utterance | None = None
    heard_ms: int | None = None

    def heard_of(self, prompt: Prompt) -> str:
        """The words of the prompt that were heard, where it was cut: taken to be evenly spread over its length."""
        if self.heard_ms is None:
            return prompt.text
        share = min(1.0, self.heard_ms / max(1.0, prompt.length_s * 1000))
        letters = share * len(prompt.text)
        heard: list[str] = []
        for word in prompt.text.split():
            letters -= len(word) + 1
            if letters < -1:
                break
            heard.append(word)
        return " ".join(heard)


@dataclass(frozen=True, slots=True)
class SpeakingParts:
    """What it needs of its call.

    enter, tell: the call's state and its notices. progress: what is known may be stored.
    """

    door: Door
    hearing: Hearing
    record: CallRecord
    enter: Callable[[CallState], None]
    tell: Callable[[Notice], None]
    progress: Callable[[], None]


def _nothing() -> None:
    pass


class Speaking:
    """Of one call; one prompt at a time."""

    def __init__(self, uuid: str, parts: SpeakingParts) -> None:
        self._uuid = uuid
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self._barge_in = BargeInDetector()
        self._playing: Playing | None = None
        self.replies_to: Utterance | None = None  # what the prompt that comes next is the answer to
        self.reply_times: ReplyTimes | None = None  # of that prompt, where it was generated

    @property
    def sounds(self) -> bool:
        """A prompt is on its way or plays."""
        return self._playing is not None and not self._playing.ended.done()

    def silence(self) -> None:
        """Stop what is being said."""
        self._barge_in.disarm()
        if self._playing is not None:
            self._playing.stop()

    async def fall_silent(self) -> None:
        """Stop what is being said, and return when nothing more is heard of it."""
        self.silence()
        if self._playing is not None:
            self._playing.ended.add_done_callback(retrieve)
            await first_of(self._playing.ended)

    async def say(
        self,
        prompt: Prompt,
        step: str,
        rule: BargeInRule,
        *,
        clear: Callable[[str], bool],
        settled: Callable[[], bool] = lambda: False,
        began: Callable[[], None] = _nothing,
        stopped: Callable[[], None] = _nothing,
    ) -> Played:
        """Play to the end, or until the callee talked over it and had something to say.

        clear: whether words are an answer that nothing need be added to. settled: whether it was stopped for something
        else than talking. began: called when the callee begins to hear it; stopped: when they talk over it.
        Raises PromptNotPlayed.
        """
        parts = self._parts
        start_ms = 0
        while True:
            playing = await self.play(prompt, step, rule, start_ms=start_ms, began=began)
            ended_at = playing.playback.ended_at or self._loop.time()
            if playing.playback.state is not PlaybackState.INTERRUPTED or settled():
                began_at = playing.playback.started_at or ended_at
                heard_ms = playing.played_ms(ended_at) if playing.playback.state is PlaybackState.INTERRUPTED else None
                return Played(ended_at, max(began_at, ended_at - _EARLY_ANSWER_S), None, heard_ms)
            stopped()
            parts.enter(CallState.LISTENING)
            spoken_from = self._barge_in.began_ms / 1000
            words = await parts.hearing.interruption(
                spoken_from,
                (rule.resume_after_ms or _NO_WORDS_MS) / 1000,
                clear=clear,
                counts=lambda text, _: not rule.words.ignorable(text),
            )
            parts.enter(CallState.PROCESSING)
            if words is not None or rule.resume_after_ms == 0 or parts.door.hung_up.done():
                return Played(ended_at, spoken_from, words, playing.played_ms(ended_at))
            start_ms = max(start_ms, playing.played_ms(ended_at) - _OVERLAP_MS)

    async def play(
        self,
        prompt: Prompt,
        step: str,
        rule: BargeInRule,
        *,
        start_ms: int = 0,
        began: Callable[[], None] = _nothing,
    ) -> Playing:
        """Play once, to its end or until it is stopped. Raises PromptNotPlayed."""
        door = self._parts.door
        ready = await door.ready(prompt)
        playing = self._playing = door.play(ready, start_ms=start_ms)
        # Not awaited here: a prompt also ends when the callee hangs up, which ends this task.
        playing.ended.add_done_callback(lambda _: self._ended(prompt, step, playing))
        await first_of(playing.started, playing.ended)
        if playing.started.done():
            self._began(prompt, rule, playing.started.result())
            began()
        ended = await asyncio.shield(playing.ended)
        if ended is PlaybackState.MISSING:
            raise PromptNotPlayed(
                f"FreeSWITCH cannot open the prompt {prompt.file}: it must be readable for FreeSWITCH's user, on its "
                "machine (`prompts.folder` in robot.toml)"
            )
        if ended is PlaybackState.NEVER_STARTED and not door.hung_up.done():
            raise PromptNotPlayed(
                f"FreeSWITCH took the prompt {prompt.file} and never played it: see its log, freeswitch.log"
            )
        return playing

    def _began(self, prompt: Prompt, rule: BargeInRule, at: float) -> None:
        parts = self._parts
        parts.enter(CallState.SPEAKING)
        self._barge_in.arm(rule, at * 1000)
        parts.door.hear_over_prompt(rule.threshold_ms is not None)
        if self.replies_to is not None:
            latency = parts.record.replied(self.replies_to, at, self.reply_times)
            self.replies_to = self.reply_times = None
            note(self._uuid, latency)
            parts.tell(Replied(self._uuid, latency))
        parts.tell(PromptBegan(self._uuid, prompt.text, parts.record.ms(at)))

    def _ended(self, prompt: Prompt, step: str, playing: Playing) -> None:
        parts = self._parts
        self._barge_in.disarm()
        parts.door.hear_over_prompt(False)
        turn = parts.record.prompt_ended(prompt.text, step, playing)
        if turn is not None:
            parts.tell(TurnEnded(self._uuid, turn))
        parts.progress()

    # -- the callee speaks ---------------------------------------------------------------------------------------------

    def on_speech(self, run_started_at: float, at: float, arrived_at: float) -> None:
        """A voiced frame, from within the audio path: a barge-in leaves for the callee's line from here."""
        over_prompt_ms = self._barge_in.speech(run_started_at * 1000, at * 1000)
        if over_prompt_ms is not None:
            self._stop_for_speech(at, over_prompt_ms, arrived_at)

    def on_words(self, text: str, started_at: float, until: float, sure: str) -> None:
        """What is recognised so far of an utterance, and the words of it that two drafts agree on."""
        over_prompt_ms = self._barge_in.heard(text, started_at * 1000, until * 1000, sure)
        if over_prompt_ms is not None:
            self._stop_for_speech(until, over_prompt_ms, self._loop.time())

    def _stop_for_speech(self, at: float, over_prompt_ms: float, arrived_at: float) -> None:
        if self._playing is None or not self._playing.stop():
            return
        barge_in = self._parts.record.barge_in(at, over_prompt_ms, arrived_at, self._playing)
        self._parts.tell(BargedIn(self._uuid, barge_in.at_ms, barge_in.speech_ms))
