"""How often is it told right who picked up, and how soon?

Greetings from `greeting_set` are heard as a call hears them: voice activity detection, endpointing, tones, and the
real recognition of what was said, which starts in the pauses. Only the clock is not real: it is audio time, and a
transcription takes `stt_ms` of it, so that the figures do not depend on the machine. `stt_ms_measured` says how long
it really took here.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from robot.bench.figures import spread
from robot.bench.greeting_set import SPLITS, STREAM_RATE, Greeting, greetings
from robot.call.amd.detector import AmdDetector, AmdUpdate, Decided, MessageMayStart
from robot.call.amd.greetings import AmdClass, greetings_in
from robot.simulator.voice import CalleeVoice
from ws_audio.endpointing import Endpointer, SpeechPaused
from ws_audio.events import (
    FinalTranscript,
    PartialTranscript,
    SpeechContinues,
    SpeechEnded,
    SpeechEvent,
    SpeechStarted,
    ToneEvent,
)
from ws_audio.frames import FRAME_MS, Samples
from ws_audio.tones import ToneDetector
from ws_audio.transcription.engine import TranscriptionEngine
from ws_audio.transcription.partials import Partials
from ws_audio.transcription.whisper import WhisperEngine
from ws_audio.vad import ForegroundVad

# The median of what a call waits for tiny.en where ten calls share a core.
STT_MS: Final = 300
_FRAME: Final = STREAM_RATE * FRAME_MS // 1000

Timed = tuple[int, SpeechEvent | ToneEvent]  # an event, and the audio time at which it is known


def run(model: str = "tiny.en", *, stt_ms: int = STT_MS, every: int = 1) -> dict[str, Any]:
    """Measure all greetings, or every so manyth. Needs the extra `piper` and a Piper voice."""
    ear = Ear(WhisperEngine(model), stt_ms)
    results = [decide(greeting, ear.hear(greeting.audio)) for greeting in greetings(CalleeVoice(), every=every)]
    return {
        "benchmark": "amd",
        "model": model,
        "stt_ms": stt_ms,
        "stt_ms_measured": spread(ear.took_ms),
        **{split: figures([result for result in results if result.greeting.split == split]) for split in SPLITS},
        "all": figures(results),
        "confusion": confusion(results),
        "mistakes": [result.as_json() for result in results if not result.right or result.too_early],
    }


class Ear:
    """Hears audio as `ws_audio.stream` does, in audio time: what is told, and when."""

    def __init__(self, engine: TranscriptionEngine, stt_ms: int, language: str = "en") -> None:
        self._engine = engine
        self._stt_ms = stt_ms
        self._language = language
        self.took_ms: list[float] = []  # each transcription, really

    def hear(self, audio: Samples) -> list[Timed]:
        """Every event of 16 kHz mono `audio`, in the order of its time."""
        vad, endpointer, tones = ForegroundVad(STREAM_RATE), Endpointer(), ToneDetector(STREAM_RATE)
        events: list[Timed] = []
        partials = Partials()
        begin_ms, paused_ms = 0, None
        for start in range(0, audio.size - _FRAME + 1, _FRAME):
            frame = audio[start : start + _FRAME]
            decisions = endpointer.push(vad.is_speech(frame.tobytes()))
            now = endpointer.now_ms
            for decision in decisions:
                match decision:
                    case SpeechPaused():
                        paused_ms = now
                        continue
                    case SpeechStarted(at_ms):
                        partials = Partials()
                        begin_ms = max(0, at_ms - endpointer.settings.pre_roll_ms)
                    case SpeechContinues():
                        paused_ms = None  # what was heard so far was not all
                        if partials.due(now - begin_ms):
                            text = self._window(partials, audio, begin_ms, now)
                            partials.agreed(text)
                            told = PartialTranscript(endpointer.utterance, partials.so_far, partials.draft(text), now)
                            events.append((now + self._stt_ms, told))
                    case SpeechEnded():
                        heard_until = paused_ms or now
                        text = self._transcribe(audio, begin_ms, heard_until)
                        known = max(now, heard_until + self._stt_ms)
                        # The text of unfinished speech that is not there by now is dropped.
                        events = [each for each in events if each[0] <= now]
                        events += ((now, decision), (known, _final(decision, text, known)))
                        continue
                events.append((now, decision))
            events += ((now, tone) for tone in tones.push(frame))
        return sorted(events, key=lambda timed: timed[0])

    def _window(self, partials: Partials, audio: Samples, begin_ms: int, end_ms: int) -> str:
        per_ms = STREAM_RATE // 1000
        since_ms = begin_ms + partials.since_ms
        head_ms = partials.head_ms(audio[since_ms * per_ms : end_ms * per_ms], STREAM_RATE)
        if head_ms is not None:
            partials.keep(self._transcribe(audio, since_ms, since_ms + head_ms), head_ms)
            since_ms += head_ms
        return self._transcribe(audio, since_ms, end_ms)

    def _transcribe(self, audio: Samples, begin_ms: int, end_ms: int) -> str:
        per_ms = STREAM_RATE // 1000
        began = time.monotonic()
        text = self._engine.transcribe(audio[begin_ms * per_ms : end_ms * per_ms], self._language, ()).text
        self.took_ms.append((time.monotonic() - began) * 1000)
        return text


def _final(ended: SpeechEnded, text: str, known_ms: int) -> FinalTranscript:
    return FinalTranscript(
        utterance=ended.utterance,
        text=text,
        started_ms=ended.started_ms,
        ended_ms=ended.ended_ms,
        endpoint_ms=ended.decided_ms - ended.ended_ms,
        stt_ms=known_ms - ended.decided_ms,
        audio_ms=ended.ended_ms - ended.started_ms,
    )


@dataclass(frozen=True, slots=True)
class Result:
    """What was decided about a greeting: every decision, and every time at which a message would have begun."""

    greeting: Greeting
    decisions: tuple[Decided, ...]
    messages: tuple[MessageMayStart, ...]
    texts: tuple[str, ...] = field(default=())

    @property
    def kind(self) -> AmdClass | None:
        return self.decisions[-1].kind if self.decisions else None

    @property
    def right(self) -> bool:
        return self.kind is self.greeting.kind

    @property
    def right_at_once(self) -> bool:
        return bool(self.decisions) and self.decisions[0].kind is self.greeting.kind

    @property
    def decided_after_ms(self) -> int | None:
        """From the end of the greeting to the decision that held."""
        if not self.decisions or self.greeting.ended_ms is None:
            return None
        return self.decisions[-1].at_ms - self.greeting.ended_ms

    @property
    def message_after_ms(self) -> int | None:
        """From the end of the beep to the first word of a message."""
        if self.greeting.beep_ended_ms is None or not self.messages:
            return None
        return self.messages[0].at_ms - self.greeting.beep_ended_ms

    @property
    def too_early(self) -> bool:
        return self.message_after_ms is not None and self.message_after_ms < 0

    def as_json(self) -> dict[str, Any]:
        return {
            "greeting": self.greeting.name,
            "is": self.greeting.kind,
            "decided": [[each.kind, each.at_ms, each.confidence, each.reason] for each in self.decisions],
            "message_after_ms": self.message_after_ms,
            "heard": list(self.texts),
        }


def decide(greeting: Greeting, events: Sequence[Timed], language: str = "en") -> Result:
    """Replay what was heard to a detector; it is asked whenever it wants to be."""
    detector = AmdDetector(greetings_in(language))
    end_ms = greeting.audio.size * 1000 // STREAM_RATE
    updates: list[AmdUpdate] = []
    coming = deque(events)
    while True:
        deadline = detector.deadline()
        if coming and (deadline is None or coming[0][0] <= deadline):
            now, event = coming.popleft()
            updates += detector.hear(event, now)
        elif deadline is not None and deadline <= end_ms:
            updates += detector.advance(deadline)
        else:
            break
    return Result(
        greeting,
        tuple(each for each in updates if isinstance(each, Decided)),
        tuple(each for each in updates if isinstance(each, MessageMayStart)),
        tuple(event.text for _, event in events if isinstance(event, FinalTranscript)),
    )


def figures(results: Sequence[Result]) -> dict[str, Any]:
    """Of these results. `right_at_once` is without what was taken back later."""
    humans = [result for result in results if result.greeting.kind is AmdClass.HUMAN and result.right]
    beeps = [result for result in results if result.greeting.beep_ended_ms is not None]
    after_beep = [result.message_after_ms for result in beeps if result.message_after_ms is not None]
    return {
        "greetings": len(results),
        "right": sum(result.right for result in results),
        "accuracy": round(sum(result.right for result in results) / max(len(results), 1), 4),
        "accuracy_at_once": round(sum(result.right_at_once for result in results) / max(len(results), 1), 4),
        "human_after_ms": spread([result.decided_after_ms for result in humans if result.decided_after_ms is not None]),
        "beeps": len(beeps),
        "message_after_beep_ms": spread([after for after in after_beep if after >= 0]),
        "messages_before_the_beep": sum(result.too_early for result in results),
        "messages_never_begun": len(beeps) - len(after_beep),
    }


def confusion(results: Iterable[Result]) -> dict[str, dict[str, int]]:
    """Of each class, what was taken for what."""
    table: dict[str, Counter[str]] = {}
    for result in results:
        table.setdefault(result.greeting.kind, Counter())[result.kind or "undecided"] += 1
    return {kind: dict(counted) for kind, counted in table.items()}
