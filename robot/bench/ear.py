"""What a callee's ear heard, judged from a recording of both sides of its call. Pure but for reading the file.

Both sides are on one tape with one clock: what the callee heard on the left, what it said on the right, a constant time
late. Speech is judged by the same detector, endpointing and barge-in rule as in a call, frame by frame.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from robot.call.barge_in import BargeInDetector, BargeInRule
from robot.simulator.sound import Samples, resample
from ws_audio.endpointing import Endpointer
from ws_audio.events import SpeechContinues
from ws_audio.frames import FRAME_MS
from ws_audio.vad import WebRtcVad

# Quieter than this (of 32,768) is nothing: a PCMU line's silence is 8 at most, a prompt hundreds and more.
_AUDIBLE: Final = 200
# FreeSWITCH puts what is said on the tape later than it leaves: a written frame with the next one that is read. Against
# the RTP packets of 52 calls, from the packet that crosses the threshold to the end of the last packet with sound, the
# tape showed 22.2 to 25.3 ms less.
_SAID_LATE_MS: Final = 23.0
# The rate at which the robot hears.
_HEARING_RATE: Final = 16_000


@dataclass(frozen=True, slots=True)
class Tape:
    """Both sides of a call at `rate` Hz, on one clock that begins with the recording."""

    heard: Samples
    said: Samples
    rate: int


@dataclass(frozen=True, slots=True)
class Sounding:
    """Sound without a longer pause, in ms of the tape."""

    from_ms: float
    to_ms: float

    @property
    def length_ms(self) -> float:
        return self.to_ms - self.from_ms


def read_tape(file: Path) -> Tape:
    """Read a recording of FreeSWITCH (RECORD_STEREO of the callee's leg). Raises ValueError, OSError or wave.Error."""
    with wave.open(str(file), "rb") as opened:
        if (opened.getnchannels(), opened.getsampwidth()) != (2, 2):
            raise ValueError(f"{file} is no recording of both sides with 16 bits")
        sides = np.frombuffer(opened.readframes(opened.getnframes()), "<i2").reshape(-1, 2)
        return Tape(np.ascontiguousarray(sides[:, 0]), np.ascontiguousarray(sides[:, 1]), opened.getframerate())


def sounding(side: Samples, rate: int, pause_ms: float) -> list[Sounding]:
    """Where there was sound; pauses up to `pause_ms` belong to it."""
    loud = np.flatnonzero(np.abs(side.astype(np.int32)) > _AUDIBLE)
    if not len(loud):
        return []
    last = np.flatnonzero(np.diff(loud) > pause_ms * rate / 1000)  # positions in `loud` before a pause
    begins = loud[np.concatenate([[0], last + 1])]
    ends = loud[np.concatenate([last, [len(loud) - 1]])] + 1
    return [
        Sounding(float(begin) * 1000 / rate, float(end) * 1000 / rate) for begin, end in zip(begins, ends, strict=True)
    ]


def threshold_passed_ms(tape: Tape, threshold_ms: int, prompt_started_ms: float, aggressiveness: int) -> float | None:
    """When the callee had talked over the prompt for `threshold_ms`: the end of the frame that makes it so, in ms of
    the tape; None when that never happened."""
    said = resample(tape.said, tape.rate, _HEARING_RATE)
    size = FRAME_MS * _HEARING_RATE // 1000
    vad, endpointer, detector = WebRtcVad(_HEARING_RATE, aggressiveness), Endpointer(), BargeInDetector()
    detector.arm(BargeInRule(threshold_ms), prompt_started_ms)
    for start in range(0, len(said) - size + 1, size):
        for decision in endpointer.push(vad.is_speech(said[start : start + size].tobytes())):
            if isinstance(decision, SpeechContinues):
                over_prompt_ms = detector.speech(decision.run_started_ms, decision.at_ms)
                if over_prompt_ms is not None:
                    return float(decision.at_ms)
    return None


def threshold_to_silence_ms(tape: Tape, threshold_ms: int, aggressiveness: int, pause_ms: float = 100) -> float | None:
    """From the frame that passes the threshold, as it leaves the callee, to silence in the callee's ear, for the first
    prompt on the tape.

    The prompt must sound without a longer pause than `pause_ms`: a hum, not speech. None when nobody talked over it.
    """
    prompts = sounding(tape.heard, tape.rate, pause_ms)
    if not prompts:
        return None
    passed_ms = threshold_passed_ms(tape, threshold_ms, prompts[0].from_ms, aggressiveness)
    if passed_ms is None or passed_ms > prompts[0].to_ms:
        return None
    return prompts[0].to_ms - passed_ms + _SAID_LATE_MS
