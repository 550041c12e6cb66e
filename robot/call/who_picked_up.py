"""Who picked up, told while the call goes on: an AmdDetector, the events of the call's audio streams, and a timer.

Turns audio time into the loop's clock and back. A stream that is started again goes on where the one before ended: what
nobody listened to is no silence. What to do about it is decided by `answer_policy` and carried out by `answering`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from robot.call.amd.detector import AmdDetector, Decided, MessageMayStart
from robot.call.amd.greetings import AmdClass, Greetings
from robot.call.amd.settings import AmdSettings
from robot.call.hearing import StreamClock
from robot.call.waiting import first_of
from ws_audio.events import (
    AudioEvent,
    FinalTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamStarted,
    ToneEnded,
    ToneEvent,
    ToneStarted,
    TranscriptionFailed,
)

# Who answered a call screening reads what was said and then picks up, or does not.
WAIT_FOR_PERSON_MS: Final = 30_000


@dataclass(frozen=True, slots=True)
class PickedUp:
    """Who it is, as known at `at` (loop's clock). See `robot.call.amd.detector.Decided`."""

    kind: AmdClass
    confidence: float
    reason: str
    at: float
    revises: AmdClass | None = None


@dataclass(frozen=True, slots=True)
class MayStart:
    """The machine records, or listens, since its beep ended at `beep_ended_at` (loop's clock); None: it had none."""

    at: float
    beep_ended_at: float | None
    reason: str


class WhoPickedUp:
    """The detector of one call. `hear` is the tap of its Hearing; `close` when the call is over.

    `listen(True)` asks for tones and partial texts, `listen(False)` says that they are needed no more; both come from
    within the audio path.
    """

    def __init__(
        self, greetings: Greetings, settings: AmdSettings | None = None, *, listen: Callable[[bool], None]
    ) -> None:
        self.may_start: MayStart | None = None  # the latest
        self._greetings = greetings
        self._settings = settings or AmdSettings()
        self._listen = listen
        self._loop = asyncio.get_running_loop()
        self._detector = AmdDetector(greetings, self._settings)
        self._streams = _Streams()
        self._decided_at = 0.0
        self._zero_ms = 0  # the detector's 0 in time heard
        self._first_utterance = 1  # what belongs to those before was said to somebody else
        self._before: PickedUp | None = None  # whom the present one followed
        self._listening = True
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._news: asyncio.Future[None] = self._loop.create_future()

    @property
    def latest(self) -> PickedUp | None:
        """Who it is, as known now; None: nobody knows yet."""
        decision = self._detector.decision
        if decision is None:
            return None
        return PickedUp(decision.kind, decision.confidence, decision.reason, self._decided_at, decision.revises)

    @property
    def reported(self) -> PickedUp | None:
        """Who it was in the end: `latest`, or who was there before when nobody came after them."""
        return self.latest or self._before

    @property
    def news(self) -> asyncio.Future[None]:
        """Done when `latest` or `may_start` next become something else; a new one from then on."""
        return self._news

    @property
    def settled(self) -> bool:
        """Nothing that is still to come would change anything."""
        return self._detector.settled

    async def decided(self) -> PickedUp:
        """The first decision."""
        while (latest := self.latest) is None:
            await first_of(self._news)
        return latest

    def hear(self, event: AudioEvent, clock: StreamClock) -> None:
        """An event of the stream with this clock, as it comes."""
        if self._closed:
            return
        heard = self._streams.hear(event, clock, self._loop.time())
        if heard is not None and self._concerns_us(heard.event):
            ours = _shifted(heard.event, -self._zero_ms)
            self._tell(self._detector.hear(ours, heard.known_ms - self._zero_ms))
        self._wait()

    def start_again(self, initial_silence_ms: int = WAIT_FOR_PERSON_MS) -> None:
        """Who comes on now? The machine was answered; what it said counts no more."""
        self._before = self.reported
        self._zero_ms = self._streams.heard_ms(self._loop.time())
        self._first_utterance = self._streams.next_utterance
        self._detector = AmdDetector(self._greetings, replace(self._settings, initial_silence_ms=initial_silence_ms))
        self.may_start = None
        if not self._listening:
            self._listening = True
            self._listen(True)
        self._changed()
        self._wait()

    def close(self) -> None:
        """The call is over."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _concerns_us(self, event: _Telling) -> bool:
        """What the machine was still saying when it was answered does not."""
        match event:
            case (
                SpeechEnded(utterance=utterance)
                | PartialTranscript(utterance=utterance)
                | FinalTranscript(utterance=utterance)
                | TranscriptionFailed(utterance=utterance)
            ):
                return utterance >= self._first_utterance
            case SpeechContinues(run_started_ms=run_started_ms):
                return run_started_ms >= self._zero_ms
            case _:
                return True

    def _tell(self, told: tuple[Decided | MessageMayStart, ...]) -> None:
        for each in told:
            if isinstance(each, Decided):
                self._decided_at = self._at(each.at_ms)
            else:
                ended_ms = each.beep_ended_ms
                self.may_start = MayStart(
                    self._at(each.at_ms), None if ended_ms is None else self._at(ended_ms), each.reason
                )
        if told:
            self._changed()

    def _changed(self) -> None:
        news, self._news = self._news, self._loop.create_future()
        if not news.done():
            news.set_result(None)

    def _wait(self) -> None:
        """Ask the detector again when it wants to be asked, should nothing be heard before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._detector.settled:
            if self._listening:
                self._listening = False
                self._listen(False)
            return
        deadline = self._detector.deadline()
        if deadline is not None and self._streams.hearing:
            self._timer = self._loop.call_at(self._at(deadline), self._advance, deadline)

    def _advance(self, deadline_ms: int) -> None:
        # A timer may come a clock tick early.
        now_ms = self._streams.heard_ms(self._loop.time()) - self._zero_ms
        self._tell(self._detector.advance(max(deadline_ms, now_ms)))
        self._wait()

    def _at(self, detector_ms: int) -> float:
        return self._streams.at(detector_ms + self._zero_ms)


_Telling = (
    SpeechStarted
    | SpeechContinues
    | SpeechEnded
    | PartialTranscript
    | FinalTranscript
    | TranscriptionFailed
    | ToneEvent
)


@dataclass(frozen=True, slots=True)
class _Heard:
    """An event with the times of the call, and the time heard when it was known."""

    event: _Telling
    known_ms: int


class _Streams:
    """The audio streams of a call as one: time heard (ms) and utterances are counted on from one to the next."""

    def __init__(self) -> None:
        self._clock: StreamClock | None = None  # of the stream that is open, or was last
        self._before: dict[StreamClock, tuple[int, int]] = {}  # time heard and utterances before each stream
        self._open = False
        self._stopped_ms = 0  # time heard when the last stream closed
        self._utterances = 0  # that have ended
        self._speaking = False
        self._tone: ToneStarted | None = None  # sounds

    @property
    def hearing(self) -> bool:
        return self._open

    @property
    def next_utterance(self) -> int:
        """The number of the next utterance that begins."""
        return self._utterances + (2 if self._speaking else 1)

    def heard_ms(self, at: float) -> int:
        """How much has been heard at the loop's time `at`."""
        if not self._open or self._clock is None:
            return self._stopped_ms
        return math.floor(self._clock.audio_ms(at)) + self._before[self._clock][0]

    def at(self, heard_ms: int) -> float:
        """The loop's time of time heard in the stream that is open, or was last."""
        if self._clock is None:
            raise RuntimeError("nothing has been heard yet")
        return self._clock.at(heard_ms - self._before[self._clock][0])

    def hear(self, event: AudioEvent, clock: StreamClock, at: float) -> _Heard | None:
        """What the event of one stream tells of the call; None: nothing that a detector would want to know."""
        match event:
            case StreamStarted():
                self._before[clock] = (self._stopped_ms, self._utterances)
                self._clock, self._open = clock, True
                return None
            case StreamClosed() if clock is self._clock and self._open:
                self._stopped_ms, self._open = self.heard_ms(at), False
                tone, self._tone = self._tone, None
                if tone is None:
                    return None
                ended = ToneEnded(tone.started_ms, self._stopped_ms, self._stopped_ms, tone.hz)
                return _Heard(ended, self._stopped_ms)
            case _ if clock not in self._before or not isinstance(event, _Telling):
                return None
        ours = _shifted(event, *self._before[clock])
        self._follow(ours)
        return _Heard(ours, self._known_ms(ours, at))

    def _follow(self, event: _Telling) -> None:
        match event:
            case SpeechStarted():
                self._speaking = True
            case SpeechEnded(utterance=utterance):
                self._speaking, self._utterances = False, utterance
            case ToneStarted():
                self._tone = event
            case ToneEnded():
                self._tone = None
            case _:
                pass

    def _known_ms(self, event: _Telling, at: float) -> int:
        """Frames that come late, all at once, tell when they were spoken; texts have no other time than the loop's."""
        match event:
            case (
                SpeechStarted(at_ms) | SpeechContinues(at_ms=at_ms) | ToneStarted(at_ms=at_ms) | ToneEnded(at_ms=at_ms)
            ):
                return at_ms
            case SpeechEnded(decided_ms=decided_ms):
                return decided_ms
            case _:
                return self.heard_ms(at)


def _shifted(event: _Telling, by_ms: int, by_utterances: int = 0) -> _Telling:
    """The same event, later by so much."""
    match event:
        case SpeechStarted():
            return SpeechStarted(event.at_ms + by_ms)
        case SpeechContinues():
            return replace(event, run_started_ms=event.run_started_ms + by_ms, at_ms=event.at_ms + by_ms)
        case PartialTranscript():
            return replace(event, utterance=event.utterance + by_utterances, until_ms=event.until_ms + by_ms)
        case ToneStarted():
            return replace(event, started_ms=event.started_ms + by_ms, at_ms=event.at_ms + by_ms)
        case ToneEnded():
            started_ms, ended_ms = event.started_ms + by_ms, event.ended_ms + by_ms
            return replace(event, started_ms=started_ms, ended_ms=ended_ms, at_ms=event.at_ms + by_ms)
        case SpeechEnded() | FinalTranscript() | TranscriptionFailed():
            started_ms, ended_ms = event.started_ms + by_ms, event.ended_ms + by_ms
            utterance = event.utterance + by_utterances
            if isinstance(event, SpeechEnded):
                return SpeechEnded(utterance, started_ms, ended_ms, event.decided_ms + by_ms)
            return replace(event, utterance=utterance, started_ms=started_ms, ended_ms=ended_ms)
