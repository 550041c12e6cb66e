"""One call that a model holds, without sockets and in no time: a loop whose clock jumps to whatever is due next.

Hearing, Speaking, Agent, Reply and AgentTalk are the real ones. The callee makes the events that audio
would; the door plays by the clock; the model gives what the test wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from robot.call.agent_talk import AgentParts, AgentTalk, Ending, Opening
from robot.call.barge_in import BargeInRule
from robot.call.door import Playing
from robot.call.hearing import Hearing, StreamListener, Utterance
from robot.call.playback import Playback, PlaybackState
from robot.call.record import CallRecord
from robot.call.reply import ReplySources
from robot.call.speaking import Speaking, SpeakingParts
from robot.dialogue.agent import Agent
from robot.dialogue.agent_settings import Abilities, AgentSettings
from robot.dialogue.agent_tools import KeepFact, ScheduleCallback
from robot.dialogue.intents import Understanding
from robot.dialogue.llm import Finished, ModelEvent, Request, Token, ToolCall
from robot.dialogue.prompt_text import PromptText
from robot.dialogue.scenario import Held, Prompt, Transfer, Variant, Wording
from robot.prompts.errors import TtsFailed
from ws_audio.events import (
    FinalTranscript,
    LikelyTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamStarted,
    TranscriptionFailed,
)

T = TypeVar("T")

LETTERS_PER_S = 15
SPOKEN_AFTER_S = 0.1  # a phrase
LIKELY_AFTER_S = 0.28  # the text, after the last sound
ENDS_AFTER_S = 1.2  # the utterance, where nobody ends it before
FRAME_S = 0.02


class VirtualLoop(asyncio.SelectorEventLoop):
    """Waits for nobody: when nothing is to be done now, it is as late as the next thing wants."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        if not ready:
            assert scheduled, "everybody waits for somebody else"
            self._now = max(self._now, scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


def in_no_time(coroutine: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(coroutine)


# -- the callee --------------------------------------------------------------------------------------------------------


@dataclass
class _Said:
    number: int
    started_ms: int
    text: str
    ended_ms: int = 0


class Callee:
    """Speaks, is silent, makes noises. `failing`: their words are not recognised."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stream: StreamListener | None = None
        self._begun_at = self._loop.time()
        self._numbers = 0
        self._saying: _Said | None = None
        self._timers: list[asyncio.TimerHandle] = []
        self.failing = False

    def connect(self, stream: StreamListener) -> None:
        self._stream = stream
        stream(StreamStarted(arrived_at=self._begun_at + FRAME_S))

    async def says(self, text: str, seconds: float = 1.0) -> None:
        """Words, or "" for a noise; what is said in the next 1.2 s goes on, unless the robot has ended it."""
        self._stop_timers()
        begun_ms = self._now_ms()
        if self._saying is None:
            self._numbers += 1
            self._saying = _Said(self._numbers, begun_ms, text)
            self._tell(SpeechStarted(begun_ms))
        else:
            self._saying.text += f" {text}"
        for _ in range(round(seconds / FRAME_S)):
            await asyncio.sleep(FRAME_S)
            now_ms = self._now_ms()
            if self._saying is not None:
                self._saying.ended_ms = now_ms
            self._tell(SpeechContinues(begun_ms, now_ms, now_ms - begun_ms, arrived_at=self._loop.time()))
        self._timers = [
            self._loop.call_later(LIKELY_AFTER_S, self._likely),
            self._loop.call_later(ENDS_AFTER_S, self._end),
        ]

    def ends(self, number: int) -> bool:
        """The robot has heard enough of it."""
        if self._saying is None or self._saying.number != number:
            return False
        self._end()
        return True

    def _likely(self) -> None:
        said = self._saying
        if said is not None and not self.failing:
            audio_ms = said.ended_ms - said.started_ms
            self._tell(LikelyTranscript(said.number, said.text, said.started_ms, said.ended_ms, audio_ms))

    def _end(self) -> None:
        self._stop_timers()
        said, self._saying = self._saying, None
        if said is None:
            return
        now_ms, begun_ms, ended_ms = self._now_ms(), said.started_ms, said.ended_ms
        self._tell(SpeechEnded(said.number, begun_ms, ended_ms, now_ms))
        if self.failing:
            self._tell(TranscriptionFailed(said.number, begun_ms, ended_ms, "the model is gone"))
        else:
            silence_ms, audio_ms = now_ms - ended_ms, ended_ms - begun_ms
            self._tell(FinalTranscript(said.number, said.text, begun_ms, ended_ms, silence_ms, 0, audio_ms))

    def _stop_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _now_ms(self) -> int:
        return round((self._loop.time() - self._begun_at) * 1000)

    def _tell(self, event: Any) -> None:
        assert self._stream is not None
        self._stream(event)


# -- the model and the voice -------------------------------------------------------------------------------------------

#: Text, a tool, a pause in seconds, or an error.
Piece = str | ToolCall | float | Exception


@dataclass
class Model:
    """Gives to each request what `script` says of its messages."""

    script: Callable[[Request], Sequence[Piece]]
    requests: list[Request] = field(default_factory=list)
    asked_at: list[float] = field(default_factory=list)
    dropped: int = 0  # replies that nobody wanted to their end

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        self.requests.append(request)
        self.asked_at.append(asyncio.get_running_loop().time())
        pieces = [*self.script(request)]
        try:
            yield self._events(pieces)
        finally:
            self.dropped += bool(pieces)

    async def warm(self) -> bool:
        return True

    async def _events(self, pieces: list[Piece]) -> AsyncIterator[ModelEvent]:
        while pieces:
            match pieces[0]:
                case str(text):
                    for word in text.split():
                        await asyncio.sleep(0.01)
                        yield Token(f"{word} ")
                case ToolCall() as call:
                    yield call
                case Exception() as error:
                    pieces.pop(0)
                    raise error
                case pause:
                    await asyncio.sleep(pause)
            pieces.pop(0)
        yield Finished("stop")


def heard_of(request: Request) -> str:
    """What the callee said last, with its notes."""
    return next(message.text for message in reversed(request.messages) if message.role == "user")


def said_in(request: Request) -> list[str]:
    """What the model is told that it has said."""
    return [message.text for message in request.messages if message.role == "assistant" and message.text]


def tool(name: str, /, **arguments: Any) -> ToolCall:
    return ToolCall(f"call_{name}", name, arguments)


# -- the door ----------------------------------------------------------------------------------------------------------


class _PlayingByTheClock:
    def __init__(self, prompt: Prompt, start_ms: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._start_s = start_ms / 1000
        self._length_s = max(0.0, prompt.length_s - self._start_s)
        self.playback = Playback(self._length_s, self._loop.time())
        self.started: asyncio.Future[float] = self._loop.create_future()
        self.ended: asyncio.Future[PlaybackState] = self._loop.create_future()
        self.stop_sent_at: float | None = None
        self._loop.call_later(0.02, self._begin)

    def stop(self) -> bool:
        now = self._loop.time()
        if not self.playback.stop(now):
            return False
        self.stop_sent_at = now
        if self.playback.audible:
            self._loop.call_later(0.03, self._end, True)
        return True

    def played_ms(self, now: float) -> int:
        return round((self._start_s + self.playback.played_s(now)) * 1000)

    def _begin(self) -> None:
        now = self._loop.time()
        if self.playback.on_started(now):
            self._loop.call_later(0.03, self._end, True)
        self.started.set_result(now)
        self._loop.call_later(self._length_s, self._end, False)

    def _end(self, broken: bool) -> None:
        if not self.ended.done():
            self.playback.on_stopped(self._loop.time(), broken=broken)
            self.ended.set_result(self.playback.state)


class ClockDoor:
    """played: texts, with from where in ms."""

    def __init__(self) -> None:
        self.on_key: Callable[[str, float], None] | None = None
        self.hung_up: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.handed_over = False
        self.played: list[tuple[str, int]] = []
        self.pressed: list[str] = []
        self.prompts_over = 0
        self.latest: Playing | None = None

    async def ready(self, prompt: Prompt) -> Prompt:
        return prompt

    def play(self, prompt: Prompt, *, start_ms: int = 0) -> Playing:
        self.played.append((prompt.text, start_ms))
        playing = self.latest = _PlayingByTheClock(prompt, start_ms)
        playing.ended.add_done_callback(lambda _: setattr(self, "prompts_over", self.prompts_over + 1))
        return playing

    async def press(self, keys: str) -> None:
        self.pressed.append(keys)

    async def hand_over(self, order: Transfer, announce: Prompt | None, wait: Prompt | None) -> bool:
        return False

    async def stop_listening(self) -> None:
        pass

    def expect(self, phrases: tuple[str, ...], *, silence_ms: int | None = None) -> None:
        pass

    def hear_over_prompt(self, wanted: bool) -> None:
        pass


# -- all of it ---------------------------------------------------------------------------------------------------------

SETTINGS = AgentSettings(
    "Be kind.", may=Abilities(outcomes=("sold", "lost"), keep=("size",), press=True, go_to=("end",))
)


def prompt_of(text: str) -> Prompt:
    return Prompt(Path("/prompts") / "x.wav", text, max(0.2, len(text) / LETTERS_PER_S))


def wording(text: str) -> Wording:
    return Wording((Variant(PromptText.parse(text)),))


def held(**changes: Any) -> Held:
    return Held(**{"by": SETTINGS, **{name: wording(text) for name, text in _TEXTS.items()}, **changes})


_TEXTS = {"say_again": "Pardon?", "apology": "I am broken.", "farewell": "I must go."}


class HeldWorld:
    """A call at a step that a model holds. `unspeakable`: phrases that the voice fails at."""

    def __init__(
        self, script: Callable[[Request], Sequence[Piece]], by: Held | None = None, ends_after_s: float = 600
    ) -> None:
        self.model = Model(script)
        self.callee = Callee()
        self.door = ClockDoor()
        self.record = CallRecord()
        self.record.answered_at = asyncio.get_running_loop().time()
        self.unspeakable: set[str] = set()
        self.kept: list[KeepFact | ScheduleCallback] = []
        self.concluded: list[str] = []
        self.faults: list[str] = []
        self.hearing = Hearing(
            on_speech=lambda *frame: self.speaking.on_speech(*frame),
            on_utterance=self._on_utterance,
            on_words=lambda *words: self.speaking.on_words(*words),
            end_utterance=self.callee.ends,
            on_fault=lambda code, reason: self.faults.append(code),
        )
        self.callee.connect(self.hearing.new_stream())
        parts = SpeakingParts(self.door, self.hearing, self.record, lambda _: None, lambda _: None, lambda: None)
        self.speaking = Speaking("uuid", parts)
        held_by = by or held()
        self.agent = Agent(held_by.by)
        self.talk = AgentTalk(
            "talk",
            held_by,
            self.agent,
            AgentParts(
                hearing=self.hearing,
                speaking=self.speaking,
                sources=ReplySources(self.model, self._speak, self.agent.judge),
                prompt=self._prompt,
                text=self._speak,
                opts_out=lambda text: "never call" in text,
                opted_out=lambda: None,
                press=self.door.press,
                keep=self.kept.append,
                conclude=self.concluded.append,
                rule=BargeInRule(600),
                enter=lambda state: None,
                fault=lambda code, reason: self.faults.append(code),
                language="en",
                ends_at=asyncio.get_running_loop().time() + ends_after_s,
            ),
        )

    async def run(self, callee: Coroutine[Any, Any, None] | None = None, opening: Opening | None = None) -> Ending:
        """To the end of the model's part, with a callee who does what `callee` says."""
        doing = None if callee is None else asyncio.ensure_future(callee)
        try:
            return await self.talk.run(opening)
        finally:
            if doing is not None:
                doing.cancel()
                await asyncio.wait({doing})

    async def prompts(self, count: int) -> None:
        """Until so many prompts are over."""
        while self.door.prompts_over < count:  # noqa: ASYNC110 - time is not real
            await asyncio.sleep(FRAME_S)

    async def prompt_begins(self, count: int) -> None:
        while not self._begun(count):  # noqa: ASYNC110 - time is not real
            await asyncio.sleep(FRAME_S)

    def _begun(self, count: int) -> bool:
        return len(self.door.played) >= count and self.door.latest is not None and self.door.latest.started.done()

    @property
    def spoken(self) -> list[str]:
        return [text for text, _ in self.door.played]

    async def _speak(self, text: str) -> Prompt:
        await asyncio.sleep(SPOKEN_AFTER_S)
        if text in self.unspeakable:
            raise TtsFailed("out of voice")
        return prompt_of(text)

    async def _prompt(self, said: Wording) -> Prompt:
        return prompt_of(said.variants[0].text.source)

    def _on_utterance(self, utterance: Utterance) -> None:
        self.record.utterance(utterance, "talk", Understanding())
