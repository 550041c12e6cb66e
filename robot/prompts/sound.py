"""A sound becomes a prompt: mono at the rate of calls, without silence at its ends, as loud as the others. Pure.

Reading files and writing them is for others: `decode` takes bytes, `wav` gives bytes.
"""

from __future__ import annotations

import io
import wave
from typing import Final

import numpy as np
import soundfile
import soxr

from robot.prompts.errors import NoSound, PromptTooLong, PromptUnreadable
from robot.prompts.loudness import Samples, active_speech_level

#: Counts in the name of each kept file: a change of what is done here makes all prompts anew.
VERSION: Final = 1
LONGEST_S: Final = 300

# ITU-T G.169 and G.115 want active speech at -19 dBm0. In G.711 a sine of full scale is +3.14 dBm0, and 3.01 dB below
# 0 dBov. (RFC 7874 wants the same -19 dBm0 and takes it for -22 dBov, give or take 6 dB.)
LEVEL_DBOV: Final = -19.0 - 3.14 - 3.01
# Speech has peaks 15 to 18 dB above its level, so this is room enough; a sound with higher ones stays quieter.
_PEAK: Final = 10 ** (-1.0 / 20)
# More would bring up the noise of the recording rather than the voice.
_MOST_GAIN_DB: Final = 30.0
# Below this, 8 dB under the idle noise that G.712 allows, there is no recording.
_SILENCE_DBOV: Final = -70.0

_WAV_HEADER_BYTES: Final = 44

_LOOK_S: Final = 0.01
# Soft sounds at the beginning of words are so far below the level of the whole.
_SOFT_DB: Final = 38.0
_OVER_NOISE_DB: Final = 6.0
_SURELY_SPEECH_DB: Final = 20.0
_BEFORE_S: Final = 0.03
_AFTER_S: Final = 0.1
_FADE_S: Final = 0.005

_RATES: Final = range(4000, 192_001)
_POWER_FLOOR: Final = 1e-12
_CANCELLED: Final = 0.1


def decode(content: bytes) -> tuple[Samples, int]:
    """Mono samples (±1) and their rate in Hz from a file's bytes: all that libsndfile reads.

    WAV of 8, 16, 24, 32 bits, floating point, A-law and µ-law; FLAC, OGG, MP3, AIFF. Raises PromptUnreadable,
    PromptTooLong or NoSound, without saying which file it was.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as opened:
            rate = int(opened.samplerate)
            if rate not in _RATES:
                raise PromptUnreadable(f"has {rate} samples a second: save it with 8000 to 48000")
            if opened.frames > LONGEST_S * rate:
                raise PromptTooLong(
                    f"lasts {opened.frames / rate:.0f} s, and a prompt at most {LONGEST_S}: shorten it or part it"
                )
            channels: Samples = opened.read(LONGEST_S * rate, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise PromptUnreadable(
            f"is no sound that can be read ({error.error_string.rstrip('.')}): save it as WAV, FLAC, OGG or MP3"
        ) from error
    if not channels.size:
        raise NoSound("holds no sound: record it again")
    if not np.isfinite(channels).all():
        raise PromptUnreadable("holds values that are no numbers: save it again as WAV of 16 bits")
    return _mono(channels), rate


def prepared(sound: Samples, rate: int, to_rate: int) -> Samples:
    """The prompt at `to_rate` Hz. Raises NoSound."""
    if rate != to_rate:
        sound = soxr.resample(sound, rate, to_rate, quality="VHQ")
    sound = sound - np.float32(sound.mean(dtype=np.float64)) if sound.size else sound
    level = active_speech_level(sound, to_rate)
    if level is None or level < _SILENCE_DBOV:
        raise NoSound("is silent: record it again, nearer to the microphone")
    return _faded(_evened(_trimmed(sound, to_rate, level), level), to_rate)


def wav(sound: Samples, rate: int) -> bytes:
    """As a WAV file of 16 bits."""
    written = io.BytesIO()
    with wave.open(written, "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(np.rint(sound * 32767).clip(-32768, 32767).astype("<i2").tobytes())
    return written.getvalue()


def wav_length_s(content: bytes, rate: int) -> float:
    """Of what `wav` gave."""
    return (len(content) - _WAV_HEADER_BYTES) / (2 * rate)


def _mono(channels: Samples) -> Samples:
    """The mean of the channels; the loudest one where they would cancel each other (one has its wires crossed)."""
    mean: Samples = channels.mean(axis=1)
    powers = np.square(channels).mean(axis=0)
    loudest = int(powers.argmax())
    return mean if np.square(mean).mean() >= _CANCELLED * powers[loudest] else channels[:, loudest]


def _trimmed(sound: Samples, rate: int, level: float) -> Samples:
    """From a little before the first sound to a little after the last; a click of less than 20 ms is none."""
    look = int(_LOOK_S * rate)
    looks = sound.size // look
    powers = np.square(sound[: looks * look].reshape(looks, look)).mean(axis=1)
    levels = 10 * np.log10(powers + _POWER_FLOOR)
    if not looks:
        return sound
    noise = float(np.percentile(levels, 5))
    threshold = min(max(level - _SOFT_DB, noise + _OVER_NOISE_DB), level - _SURELY_SPEECH_DB)
    heard = levels > threshold
    [sounding] = np.nonzero(heard[:-1] & heard[1:])
    if not sounding.size:
        return sound
    first, last = int(sounding[0]) * look, (int(sounding[-1]) + 2) * look
    return sound[max(0, first - int(_BEFORE_S * rate)) : last + int(_AFTER_S * rate)]


def _evened(sound: Samples, level: float) -> Samples:
    gain = 10 ** (min(LEVEL_DBOV - level, _MOST_GAIN_DB) / 20)
    peak = float(np.abs(sound).max())
    return sound * np.float32(min(gain, _PEAK / peak))


def _faded(sound: Samples, rate: int) -> Samples:
    """Without the click of a sound that is cut off."""
    length = min(int(_FADE_S * rate), sound.size // 2)
    ramp = np.linspace(0, 1, length, endpoint=False, dtype=np.float32)
    faded = sound.copy()
    faded[:length] *= ramp
    faded[sound.size - length :] *= ramp[::-1]
    return faded
