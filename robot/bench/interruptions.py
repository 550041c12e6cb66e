"""Is a prompt stopped by what is no interruption, and heard is who does interrupt?

The situations of `interruption_set` go through the stream of a call: echo canceller, voice activity detection,
endpointing, and the rule of `robot.call.barge_in`, in audio time and without sockets, so faster than life.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from robot.bench.figures import spread
from robot.bench.interruption_set import PROMPT_STARTS_MS, SPLITS, STREAM_RATE, Situation, situations
from robot.call.barge_in import BargeInDetector, BargeInRule
from robot.simulator.voice import CalleeVoice
from ws_audio.events import AudioEvent, LikelyTranscript, PartialTranscript, SpeechContinues, SpeechStarted
from ws_audio.frames import FRAME_MS
from ws_audio.stream import Stream, StreamOptions
from ws_audio.transcription.engine import TranscriptionEngine
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.whisper import WhisperEngine

_FRAME: Final = STREAM_RATE * FRAME_MS // 1000
# A prompt that stops while the callee has hardly begun is stopped by something else.
_TOO_SOON_MS: Final = 500
# A run of speech may end so long after the last word.
_LATE_MS: Final = 300
_POLL_S: Final = 0.001


@dataclass(frozen=True, slots=True)
class Result:
    """stopped_ms: when the prompt was to stop, in ms of the stream; frame_us: CPU of a frame while it played."""

    situation: Situation
    stopped_ms: float | None
    frame_us: float

    @property
    def false_alarm(self) -> bool:
        """Stopped by nobody, or before the callee had said enough."""
        if self.stopped_ms is None:
            return False
        talks = self.situation.talks_ms
        return talks is None or self.stopped_ms < talks[0] + _TOO_SOON_MS

    @property
    def missed(self) -> bool:
        """The callee was not heard while they talked."""
        talks = self.situation.talks_ms
        if talks is None or self.false_alarm:
            return False
        return self.stopped_ms is None or self.stopped_ms > talks[1] + _LATE_MS

    @property
    def after_ms(self) -> float | None:
        """From the first word to the decision."""
        talks = self.situation.talks_ms
        if talks is None or self.stopped_ms is None or self.false_alarm or self.missed:
            return None
        return self.stopped_ms - talks[0]


def run(
    *,
    threshold_ms: int = 1500,
    vad_aggressiveness: int = 2,
    as_it_comes: bool = False,
    every: int = 1,
    model: str | None = None,
) -> dict[str, Any]:
    """Measure all situations, or every so manyth; `as_it_comes` without canceller and judge, to compare.

    model: of recognition, whose words count then, too; None: sounds alone. Needs the extra `piper` and a Piper voice.
    """
    options = StreamOptions(
        channels=2,
        cancel_echo=not as_it_comes,
        judge_speech=not as_it_comes,
        vad_aggressiveness=vad_aggressiveness,
        partials=model is not None,
    )
    engine = None if model is None else WhisperEngine(model, workers=1)
    results = asyncio.run(_hear_all(situations(CalleeVoice(), every=every), options, threshold_ms, engine))
    kinds = dict.fromkeys(each.situation.kind for each in results)
    return {
        "benchmark": "barge-in --interruptions",
        "threshold_ms": threshold_ms,
        "model": model,
        **{split: figures(_of(results, split)) for split in SPLITS},
        "by_kind": {kind: {split: figures(_of(results, split, kind)) for split in SPLITS} for kind in kinds},
        "frame_us": spread([each.frame_us for each in results]),
        "mistakes": [each.situation.name for each in results if each.false_alarm or each.missed],
    }


def _of(results: Sequence[Result], split: str, kind: str | None = None) -> list[Result]:
    return [each for each in results if each.situation.split == split and kind in (None, each.situation.kind)]


async def _hear_all(
    all_of_them: Iterable[Situation], options: StreamOptions, threshold_ms: int, engine: TranscriptionEngine | None
) -> list[Result]:
    if engine is None:
        return [await hear(situation, options, threshold_ms) for situation in all_of_them]
    scheduler = TranscriptionScheduler(engine, workers=1)
    scheduler.start()
    try:
        return [await hear(situation, options, threshold_ms, scheduler) for situation in all_of_them]
    finally:
        await scheduler.close()


async def hear(
    situation: Situation, options: StreamOptions, threshold_ms: int, scheduler: TranscriptionScheduler | None = None
) -> Result:
    """Play one situation to a stream. With a `scheduler` words count, as soon as their audio is there."""
    detector = BargeInDetector()
    stopped: list[float] = []
    began_ms = now_ms = 0

    def listen(event: AudioEvent) -> None:
        nonlocal began_ms
        over_ms = None
        match event:
            case SpeechStarted(at_ms=at_ms):
                began_ms = at_ms
            case SpeechContinues(run_started_ms=run_started_ms, at_ms=at_ms, speechlike=True):
                over_ms = detector.speech(run_started_ms, at_ms)
            case PartialTranscript(text=sure, draft=draft, until_ms=until_ms):
                over_ms = detector.heard(draft, began_ms, until_ms, sure)
            case LikelyTranscript(text=text, started_ms=started_ms, ended_ms=ended_ms):
                over_ms = detector.heard(text, started_ms, ended_ms)
        if over_ms is not None:
            stopped.append(now_ms + FRAME_MS)

    stream = Stream(situation.name, options, listen, scheduler)
    sides = np.column_stack((situation.callee, situation.robot)).astype("<i2")
    cpu = 0.0
    for start in range(0, len(sides) - _FRAME + 1, _FRAME):
        now_ms = start * 1000 // STREAM_RATE
        if now_ms == PROMPT_STARTS_MS:
            detector.arm(BargeInRule(threshold_ms), PROMPT_STARTS_MS)
            cpu = time.process_time()
        stream.audio(sides[start : start + _FRAME].tobytes(), now_ms / 1000)
        while scheduler is not None and scheduler.snapshot().busy:  # noqa: ASYNC110 - of two, nobody tells the last
            await asyncio.sleep(_POLL_S)
    frames = (len(sides) - PROMPT_STARTS_MS * STREAM_RATE // 1000) / _FRAME
    frame_us = (time.process_time() - cpu) * 1e6 / frames
    stream.forget()
    return Result(situation, stopped[0] if stopped else None, frame_us)


def figures(results: Sequence[Result]) -> dict[str, Any]:
    """Of these situations: nobody talks in the `quiet` ones."""
    talk = [each for each in results if each.situation.talks_ms is not None]
    return {
        "quiet": len(results) - len(talk),
        "talk": len(talk),
        "false_alarms": sum(each.false_alarm for each in results),
        "misses": sum(each.missed for each in results),
        "decided_after_ms": spread([each.after_ms for each in results if each.after_ms is not None]),
    }
