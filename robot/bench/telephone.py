"""Spoken sentences as a telephone line delivers them, at 16 kHz. Pure but for reading files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from robot.simulator.sound import read_clip, resample, through_mulaw, to_int16
from ws_audio.frames import Samples, double_rate

RATE: Final = 16000
_VOICE_DB: Final = -26.0  # of full scale, as telephones have it
_AROUND: Final = RATE // 5  # samples of silence before and after

Wave = npt.NDArray[np.float64]  # at 16 kHz, full scale is 1


def recorded(file: Path) -> Wave:
    """What a WAV file holds, as loud as people are on the telephone."""
    return levelled(read_clip(str(file), RATE).samples / 32768)


def synthesised(samples: npt.NDArray[np.float32], rate: int) -> Wave:
    """What a synthesis spoke (full scale is 1), likewise."""
    return levelled(resample(to_int16(samples * 32767), rate, RATE) / 32768)


def levelled(wave: Wave) -> Wave:
    loud = np.sqrt(np.mean(np.square(wave[np.abs(wave) > 0.01])))
    return np.asarray(np.pad(wave * 10 ** (_VOICE_DB / 20) / loud, _AROUND))


def on_line(wave: Wave, noise_db: float | None, random: np.random.Generator) -> Samples:
    """Through 300 to 3400 Hz, white noise so many dB below the voice, and G.711. None: as it is, no line."""
    if noise_db is None:
        return to_int16(wave * 32768)
    spectrum = np.fft.rfft(wave)
    hertz = np.fft.rfftfreq(wave.size, 1 / RATE)
    spectrum[(hertz < 300) | (hertz > 3400)] = 0
    narrow = np.fft.irfft(spectrum, wave.size)[::2]
    noise = random.standard_normal(narrow.size) * 10 ** ((_VOICE_DB - noise_db) / 20)
    return double_rate(through_mulaw(to_int16((narrow + noise) * 32768)))


def around(sound: Wave) -> Wave:
    """A sound with silence before and after it."""
    return np.asarray(np.pad(sound, _AROUND))
