"""Is what was taken for speech, frame by frame, speech in the long run? Music, noise, a dog and a keyboard are not.

Looks back over a second and a half, which is how long it takes to tell. A look costs 0.4 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from ws_audio.frames import FRAME_MS

LOOK_BACK_MS: Final = 1500
# With less to look at, everything is taken for speech.
LEAST_MS: Final = 600
# Music has its moments: most of the looks at a run must agree. A prompt stops at most so much later for a look.
_LOOK_EVERY_MS: Final = 100
_LOOKS: Final = 6
_LOOKS_THAT_AGREE: Final = 4

# Looked at at 8 kHz, in windows of 32 ms each 20 ms, from 300 to 3400 Hz.
_HOP: Final = 160
_WINDOW: Final = 256
_BAND: Final = slice(10, 110)
_HANN: Final = np.hanning(_WINDOW).astype(np.float32)
_PERIODS: Final = slice(20, 115)  # of 70 to 400 Hz, in samples
_PITCHED: Final = 0.5  # of the autocorrelation at a period
_LOUD_DB: Final = 20.0  # below the loudest tenth: what is quieter is a pause


@dataclass(frozen=True, slots=True)
class Look:
    """What the last second and a half was like.

    voiced: share of frames that the detector took for speech. swing_db, loud_swing_db: standard deviation of the level
    of all frames, and of the loud ones. kept: median likeness (-1 to 1) of the spectra of neighbouring loud frames.
    pitched: share of frames that are voiced and have a pitch.
    """

    voiced: float
    swing_db: float
    loud_swing_db: float
    kept: float
    pitched: float

    @property
    def speechlike(self) -> bool:
        return (
            self.voiced >= LEAST_VOICED
            and self.swing_db >= LEAST_SWING_DB
            and LOUD_SWING_DB[0] <= self.loud_swing_db <= LOUD_SWING_DB[1]
            and KEPT[0] <= self.kept <= KEPT[1]
            and self.pitched >= LEAST_PITCHED
        )


# Chosen with the tuned half of `robot bench barge-in --interruptions`, the sentences of virtual callees, and French
# recordings. Of those who talk one in a hundred is outside at first, and inside half a second later.
LEAST_VOICED: Final = 0.6  # single knocks and barks are less
LEAST_SWING_DB: Final = 8.0  # steady noise, a crowd and an organ are less: they have no pauses
# Notes are less, for syllables swell and fade; keys are more. A voice through a real line had 4.9 to 5.2: who is not
# heard is worse off than who is stopped by a tune, for that is taken back.
LOUD_SWING_DB: Final = (4.7, 9.2)
KEPT: Final = (0.55, 0.88)  # barks and keys begin anew in each frame; a note stays what it is
LEAST_PITCHED: Final = 0.12  # noise has none


class SpeechJudge:
    """Remembers one stream's last frames."""

    def __init__(self, rate: int) -> None:
        """`rate` in Hz, 8000 or 16000."""
        self._step = rate // 8000
        self._frames: deque[bytes] = deque(maxlen=LOOK_BACK_MS // FRAME_MS)
        self._voiced: deque[bool] = deque(maxlen=LOOK_BACK_MS // FRAME_MS)
        self._looks: deque[bool] = deque(maxlen=_LOOKS)  # at the run that began at ...
        self._run_started_ms = -1
        self._next_look_ms = 0

    def push(self, frame: bytes, voiced: bool) -> None:
        """20 ms of L16, and what the detector said of it."""
        self._frames.append(frame)
        self._voiced.append(voiced)

    def speechlike(self, run_started_ms: int, at_ms: int) -> bool:
        """Whether the run of speech from `run_started_ms` on, up to now (`at_ms`), is like speech."""
        run_ms = min(at_ms - run_started_ms, len(self._frames) * FRAME_MS)
        if run_ms < LEAST_MS:
            return True
        if run_started_ms != self._run_started_ms:
            self._run_started_ms, self._next_look_ms = run_started_ms, at_ms
            self._looks.clear()
        if at_ms >= self._next_look_ms:
            self._next_look_ms = at_ms + _LOOK_EVERY_MS
            self._looks.append(self.look(run_ms).speechlike)
        return self._looks[-1] and sum(self._looks) >= min(_LOOKS_THAT_AGREE, len(self._looks))

    def look(self, run_ms: int) -> Look:
        """At the last `run_ms`, or the last 1500 ms when the run is longer."""
        count = min(len(self._frames), run_ms // FRAME_MS)
        wave = np.frombuffer(b"".join([*self._frames][-count:]), "<i2").astype(np.float32)
        wave = wave.reshape(-1, self._step).mean(axis=1)
        levels = 10 * np.log10(np.mean(wave.reshape(-1, _HOP) ** 2, axis=1) + 0.1)
        windows = np.lib.stride_tricks.sliding_window_view(wave, _WINDOW)[::_HOP]
        power = np.abs(np.fft.rfft(windows * _HANN, axis=1))[:, _BAND] ** 2
        voiced = np.array([*self._voiced][-count:])
        loud = (levels > np.percentile(levels, 90) - _LOUD_DB)[: len(power)]
        return Look(
            voiced=float(voiced.mean()),
            swing_db=float(levels.std()),
            loud_swing_db=float(levels[: len(power)][loud].std()),
            kept=_likeness(power, loud),
            pitched=float(np.mean(voiced[: len(power)] & (_pitch_strength(power) > _PITCHED))),
        )


def _likeness(power: npt.NDArray[np.floating], loud: npt.NDArray[np.bool_]) -> float:
    """Median correlation of the logarithmic spectra of neighbouring frames that are both loud; 0 without such."""
    shapes = np.log(power + 1.0)
    shapes -= shapes.mean(axis=1, keepdims=True)
    shapes /= np.linalg.norm(shapes, axis=1, keepdims=True) + 1e-6
    alike = np.sum(shapes[1:] * shapes[:-1], axis=1)[loud[1:] & loud[:-1]]
    return float(np.median(alike)) if alike.size else 0.0


def _pitch_strength(power: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The highest autocorrelation of each frame at a period of the human voice, 1 at most."""
    spectrum = np.zeros((len(power), _WINDOW // 2 + 1), power.dtype)
    spectrum[:, _BAND] = power
    correlations = np.fft.irfft(spectrum, axis=1)
    strongest: npt.NDArray[np.floating] = correlations[:, _PERIODS].max(axis=1) / (correlations[:, 0] + 1e-6)
    return strongest
