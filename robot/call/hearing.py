"""What is heard of the callee during one call: utterances with their text, whether they are speaking, for how long not.

Listens to one audio stream after another (a stream that drops is started again) and keeps the time of the loop's clock,
so that what was said can be set beside what was played. Decides nothing: whether a likely text is answer enough,
is said by who waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from robot.dialogue.error_codes import ErrorCode
from ws_audio.events import (
    AudioEvent,
    AudioStalled,
    FinalTranscript,
    LikelyTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamStarted,
    TranscriptionFailed,
)

# Beyond the time of the step: an utterance may last 20 s (endpointing), its transcription twice as long on a loaded
# machine. A line that is never quiet (music, a fax) must not hold the call for ever.
_LONGEST_WAIT_S: Final = 60.0
# A frame of audio arrives when its last sample has been spoken.
_FRAME_S: Final = 0.02
# Close codes (RFC 6455, 7.4.1) of a side that found the other's frames wrong: malformed, of a kind that is not taken,
# text that is no UTF-8, too long.
_VIOLATIONS: Final = (1002, 1003, 1007, 1009)


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the callee said. Times in seconds of the loop's clock, from the first voiced frame to the end of the last.

    endpoint_ms: last voiced frame to the decision that it was the last; stt_ms: from there to the text.
    """

    text: str
    started_at: float
    ended_at: float
    endpoint_ms: int
    stt_ms: int


class StreamClock:
    """Audio time of one stream, in ms, beside the loop's clock, in seconds."""

    def __init__(self) -> None:
        self._origin = 0.0  # the loop's time of the stream's first sample

    def start(self, arrived_at: float) -> None:
        """The first frame arrived."""
        self._origin = arrived_at - _FRAME_S

    def arrived(self, end_ms: float, arrived_at: float) -> None:
        """A frame that ends at `end_ms` arrived. It cannot do so before it was spoken, so the earliest arrival tells
        best when the stream began.
        """
        self._origin = min(self._origin, arrived_at - end_ms / 1000)

    def at(self, audio_ms: float) -> float:
        """The loop's time of audio time."""
        return self._origin + audio_ms / 1000

    def audio_ms(self, at: float) -> float:
        """The audio time of the loop's time."""
        return (at - self._origin) * 1000


@dataclass(frozen=True, slots=True)
class _Likely:
    """An utterance that is over if the callee says no more; `ended_at` as in Utterance."""

    number: int  # in its stream
    text: str
    ended_at: float


Tap = Callable[[AudioEvent, StreamClock], None]
Words = Callable[[str, float, float, str], None]
Clear = Callable[[str], bool]
Patience = Callable[[str], int]
Pausing = Callable[[str | None], None]
Fault = Callable[[ErrorCode, str], None]
Counts = Callable[[str, float], bool]


def _never(text: str) -> bool:
    return False


def _always(text: str, ended_at: float) -> bool:
    return True


def _ignore(text: str | None) -> None:
    pass


def _no_matter(code: ErrorCode, reason: str) -> None:
    pass


class Hearing:
    """The callee's side of the conversation so far.

    `on_speech(run_started_at, at, arrived_at)` is called from within each voiced frame: seconds of the loop's clock of
    the run's beginning and present end in audio time, and of the frame's arrival. `on_utterance` comes with its text.
    `on_words(text, started_at, until, sure)` is told all that is recognised so far of an utterance, from its beginning
    up to `until`: drafts, likely and final texts; `sure`: the words on which two drafts agree. `end_utterance(number)`
    is AudioServer's, for the stream of this call.
    `on_activity(speaking, recognising)`: whether the callee speaks, and whether a text is awaited, has changed.
    `on_fault(code, reason)`: something that was said has no text, or the stream broke its protocol.
    `tap` is told every event of every stream after that, with the clock of its stream.
    """

    def __init__(
        self,
        *,
        on_speech: Callable[[float, float, float], None],
        on_utterance: Callable[[Utterance], None],
        on_words: Words = lambda text, started_at, until, sure: None,
        end_utterance: Callable[[int], bool] = lambda number: False,
        on_activity: Callable[[bool, bool], None] = lambda speaking, recognising: None,
        on_fault: Fault = _no_matter,
        tap: Tap = lambda event, clock: None,
    ) -> None:
        self._on_speech = on_speech
        self._on_utterance = on_utterance
        self._on_words = on_words
        self._end_utterance = end_utterance
        self._on_activity = on_activity
        self._on_fault = on_fault
        self._activity = (False, False)  # as it was told last
        self.tap = tap
        self._changed = asyncio.Event()
        self._stream: StreamListener | None = None
        self._waiting_for_text = 0
        self._utterances: list[Utterance] = []
        self._spoken_to = 0.0  # the end of the latest voiced frame
        self._likely: _Likely | None = None
        self._clear: Clear = _never  # of who waits for an answer now
        self._counts: Counts = _always
        self._patience: Patience | None = None
        self._pausing: Pausing = _ignore
        self._patience_over: asyncio.TimerHandle | None = None
        self._after = 0.0
        self.failures = 0  # utterances whose transcription failed

    def new_stream(self) -> StreamListener:
        """The listener for a stream that takes the place of the one before."""
        self._stream = StreamListener(self)
        return self._stream

    @property
    def quiet(self) -> bool:
        """Nobody speaks and no text is outstanding."""
        return self._waiting_for_text == 0 and not self._speaking

    @property
    def _speaking(self) -> bool:
        return self._stream is not None and self._stream.speaking

    async def answer(
        self,
        since: float,
        within_s: float,
        *,
        said_after: float | None = None,
        clear: Clear = _never,
        counts: Counts = _always,
        patience: Patience | None = None,
        pausing: Pausing = _ignore,
    ) -> Utterance | None:
        """The first words that end after `said_after`; None when none begin within `within_s` of `since`.

        Both are on the loop's clock; `said_after` is `since` unless said. While the callee speaks, or the text of what
        they said is outstanding, the wait goes on. `clear(text)` is asked as soon as the callee pauses: True
        ends the utterance there, and the wait with it. `counts(text, ended_at)` is False of words that are no
        answer. `patience(text)` says after how many ms of silence the utterance is over, if the stream does not say so
        before. `pausing` is told the text that is likely to be all, and None when it is not. One wait at a time.
        """
        latest = since + within_s + _LONGEST_WAIT_S
        after = since if said_after is None else said_after
        self._patience, self._pausing = patience, pausing
        try:
            return await self._first(after, clear, counts, lambda: since + within_s if self.quiet else latest)
        finally:
            self._patience, self._pausing = None, _ignore
            self._stop_counting()

    async def interruption(
        self, began_at: float, resume_after_s: float, *, clear: Clear = _never, counts: Counts = _always
    ) -> Utterance | None:
        """What the callee stopped a prompt with: the first words that end after `began_at`, as `answer`.

        None when there were none after all, and nobody has spoken for `resume_after_s`: a false alarm.
        """
        latest = began_at + resume_after_s + _LONGEST_WAIT_S
        return await self._first(
            began_at, clear, counts, lambda: max(began_at, self._spoken_to) + resume_after_s if self.quiet else latest
        )

    async def _first(
        self, after: float, clear: Clear, counts: Counts, deadline: Callable[[], float]
    ) -> Utterance | None:
        self._clear, self._counts, self._after = clear, counts, after
        try:
            self._end_if_clear()
            while True:
                self._changed.clear()
                for utterance in self._utterances:
                    if utterance.ended_at > after and counts(utterance.text, utterance.ended_at):
                        return utterance
                until = deadline()
                if asyncio.get_running_loop().time() >= until:
                    return None
                try:
                    async with asyncio.timeout_at(until):
                        await self._changed.wait()
                except TimeoutError:
                    continue
        finally:
            self._clear, self._counts = _never, _always

    def between(self, begin: float, end: float) -> list[Utterance]:
        """What was said, with words, and ended in that time (loop's clock)."""
        return [utterance for utterance in self._utterances if begin <= utterance.ended_at <= end]

    async def texts_known(self, within_s: float) -> None:
        """Wait until every utterance has its text, or for `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                while self._waiting_for_text:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return

    def speech(self, run_started_at: float, at: float, arrived_at: float, *, speechlike: bool = True) -> None:
        if self._likely is not None:
            self._unlikely()  # the callee speaks on
        self._spoken_to = at
        if speechlike:  # music and a dog are heard, too, but stop no prompt
            self._on_speech(run_started_at, at, arrived_at)

    def speech_changed(self, *, waiting_for_text: int = 0) -> None:
        """Somebody began or ceased to speak; `waiting_for_text` more texts are outstanding."""
        if waiting_for_text:  # what was likely to be all, is
            self._stop_counting()
            self._likely = None
        else:
            self._unlikely()
        self._waiting_for_text += waiting_for_text
        self._changed.set()
        self._tell_activity()

    def words(self, text: str, started_at: float, until: float, sure: str) -> None:
        self._on_words(text, started_at, until, sure)

    def likely(self, number: int, text: str, ended_at: float) -> None:
        """The callee pauses after `text`."""
        self._likely = _Likely(number, text, ended_at)
        self._end_if_clear()

    def _end_if_clear(self) -> None:
        likely = self._likely
        if likely is None or likely.ended_at <= self._after or not self._counts(likely.text, likely.ended_at):
            return
        if likely.text and self._clear(likely.text):
            self._end(likely)
            return
        if likely.text and self._patience is not None:
            self._pausing(likely.text)
            loop = asyncio.get_running_loop()
            over_at = likely.ended_at + self._patience(likely.text) / 1000
            self._patience_over = loop.call_at(over_at, self._end, likely)

    def _end(self, likely: _Likely) -> None:
        if likely is self._likely:
            self._end_utterance(likely.number)

    def _unlikely(self) -> None:
        """What was likely to be all is not."""
        self._stop_counting()
        if self._likely is not None:
            self._likely = None
            self._pausing(None)

    def _stop_counting(self) -> None:
        if self._patience_over is not None:
            self._patience_over.cancel()
            self._patience_over = None

    def transcribed(self, utterance: Utterance | None) -> None:
        """An outstanding text has come; None: there were no words in it."""
        if utterance is not None:
            self._utterances.append(utterance)
            self._on_utterance(utterance)
        self._waiting_for_text -= 1
        self._changed.set()
        self._tell_activity()

    def failed(self, reason: str, *, timed_out: bool) -> None:
        """An outstanding text will not come."""
        self.failures += 1
        self._on_fault(ErrorCode.ASR_TIMEOUT if timed_out else ErrorCode.ASR_FAIL, reason)
        self.transcribed(None)

    def closed(self, code: int) -> None:
        """The stream's connection is over."""
        self.speech_changed()
        if code in _VIOLATIONS:
            self._on_fault(ErrorCode.PROTOCOL_VIOLATION, f"the audio stream was closed with code {code}")

    def _tell_activity(self) -> None:
        activity = (self._speaking, self._waiting_for_text > 0)
        if activity != self._activity:
            self._activity = activity
            self._on_activity(*activity)


class StreamListener:
    """Listens to one audio stream for a Hearing; called from the frame that brought the event."""

    def __init__(self, hearing: Hearing) -> None:
        self._hearing = hearing
        self._clock = StreamClock()
        self._started_ms = 0  # of the utterance that goes on
        self.speaking = False
        self.started = asyncio.Event()  # the first audio frame has come
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()  # how it ended, or fell silent

    def __call__(self, event: AudioEvent) -> None:
        self._hear(event)
        self._hearing.tap(event, self._clock)
        # Last, because it may end the utterance, which is told from within.
        if isinstance(event, LikelyTranscript):
            self._hearing.likely(event.utterance, event.text, self._clock.at(event.ended_ms))

    def _hear(self, event: AudioEvent) -> None:
        match event:
            case SpeechContinues(run_started_ms=begin, at_ms=end, arrived_at=arrived_at, speechlike=speechlike):
                self._clock.arrived(end, arrived_at)
                self._hearing.speech(self._clock.at(begin), self._clock.at(end), arrived_at, speechlike=speechlike)
            case StreamStarted(arrived_at=arrived_at):
                self._clock.start(arrived_at)
                self.started.set()
            case SpeechStarted(at_ms=at_ms):
                self.speaking = True
                self._started_ms = at_ms
                self._hearing.speech_changed()
            case SpeechEnded():
                self.speaking = False
                self._hearing.speech_changed(waiting_for_text=1)
            case PartialTranscript(text=sure, draft=draft, until_ms=until_ms):
                self._words(draft, self._started_ms, until_ms, sure)
            case LikelyTranscript():
                self._words(event.text, event.started_ms, event.ended_ms)
            case FinalTranscript():
                self._words(event.text, event.started_ms, event.ended_ms)
                self._hearing.transcribed(self._utterance(event) if event.text else None)
            case TranscriptionFailed(reason=reason, timed_out=timed_out):
                self._hearing.failed(reason, timed_out=timed_out)
            case AudioStalled(waited_ms=waited_ms):
                self._lose(f"no audio for {waited_ms / 1000:.0f} s")
            case StreamClosed(code=code, reason=reason):
                self.speaking = False
                self._hearing.closed(code)
                self._lose(f"closed with code {code}" + (f" ({reason})" if reason else ""))
            case _:
                return

    def _words(self, text: str, started_ms: int, until_ms: int, sure: str = "") -> None:
        self._hearing.words(text, self._clock.at(started_ms), self._clock.at(until_ms), sure)

    def _utterance(self, event: FinalTranscript) -> Utterance:
        return Utterance(
            text=event.text,
            started_at=self._clock.at(event.started_ms),
            ended_at=self._clock.at(event.ended_ms),
            endpoint_ms=round(event.endpoint_ms),
            stt_ms=round(event.stt_ms),
        )

    def _lose(self, how: str) -> None:
        if not self.lost.done():
            self.lost.set_result(how)
