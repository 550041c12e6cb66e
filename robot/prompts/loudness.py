"""How loud somebody speaks: the active speech level of ITU-T P.56, method B, which leaves the pauses out. Pure."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

# ITU-T P.56 (12/2011), 8.3: time constant of the envelope, hangover, margin between level and threshold.
_TIME_CONSTANT_S: Final = 0.03
_HANGOVER_S: Final = 0.2
_MARGIN_DB: Final = 15.9
# The envelope need not be sampled faster than 694 Hz (8.2).
_ENVELOPE_HZ: Final = 1000
_THRESHOLDS: Final = 2.0 ** np.arange(-15, 0)


def active_speech_level(sound: Samples, rate: int) -> float | None:
    """In dBov: relative to the power of a square wave of full scale (±1). None where nothing is active at all.

    An estimate within 0.5 dB of what a P.56 meter shows.
    """
    power = float(np.sum(np.square(sound, dtype=np.float64)))
    envelope = _envelope(sound, rate)
    if power == 0.0 or not envelope.size:
        return None
    above: tuple[float, float] | None = None  # of the threshold below: the level, and how far above it
    for threshold in _THRESHOLDS:
        active_s = _active(envelope, threshold) / _ENVELOPE_HZ
        if active_s == 0.0:
            break
        level = 10 * math.log10(power / (active_s * rate))
        over = level - 20 * math.log10(threshold)
        if over <= _MARGIN_DB:
            if above is None:
                return None  # it lies below the least threshold: 74 dB below full scale
            between = (above[1] - _MARGIN_DB) / (above[1] - over)
            return above[0] + between * (level - above[0])
        above = level, over
    # Peaks with next to nothing between them: the last threshold that anything reaches.
    return None if above is None else above[0]


def _envelope(sound: Samples, rate: int) -> npt.NDArray[np.float64]:
    """The rectified signal through two equal low-passes, a value a millisecond."""
    blocks = sound.size * _ENVELOPE_HZ // rate
    edges = np.arange(blocks) * rate // _ENVELOPE_HZ
    if not blocks:
        return np.empty(0)
    mean = np.add.reduceat(np.abs(sound), edges) / np.diff(edges, append=sound.size)
    keep = math.exp(-1 / (_ENVELOPE_HZ * _TIME_CONSTANT_S))
    smooth, smoother = 0.0, 0.0
    envelope = np.empty(blocks)
    for index, value in enumerate(mean.tolist()):
        smooth = keep * smooth + (1 - keep) * value
        smoother = keep * smoother + (1 - keep) * smooth
        envelope[index] = smoother
    return envelope


def _active(envelope: npt.NDArray[np.float64], threshold: float) -> int:
    """Milliseconds at which the envelope is at the threshold, or was within the hangover."""
    at = np.arange(envelope.size)
    last = np.maximum.accumulate(np.where(envelope >= threshold, at, -envelope.size - _ENVELOPE_HZ))
    return int(np.count_nonzero(at - last <= _HANGOVER_S * _ENVELOPE_HZ))
