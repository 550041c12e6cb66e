"""Samples: reading WAV files, rates, the telephone's G.711, noise, tones, levels. Pure but for reading the file.

Inside the simulator sound is 16-bit mono at the line's rate: 8,000 Hz with PCMU (what a telephone call is, the
default) or 16,000 Hz without it. A frame is 20 ms.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from robot.simulator.errors import SoundError

Samples = npt.NDArray[np.int16]

FRAME_MS: Final = 20
SILENCE_PREFIX: Final = "silence_stream://"
# A prompt of an hour is a mistake in a file's header, not a prompt.
MAX_CLIP_SECONDS: Final = 3600


@dataclass(frozen=True, eq=False, slots=True)
class Clip:
    """One piece of sound at the line's rate. `samples` is not to be written to: calls share it. file_rate: that of the
    file it came from, when it came from one."""

    samples: Samples
    rate: int
    file_rate: int | None = None

    @property
    def duration_ms(self) -> float:
        return len(self.samples) * 1000 / self.rate


def frame_length(rate: int) -> int:
    """Samples of one 20 ms frame."""
    return rate * FRAME_MS // 1000


def read_clip(path: str, rate: int, *, mulaw: bool = False) -> Clip:
    """The sound that FreeSWITCH would play for `path`, at `rate`, and with `mulaw` as it sounds on a PCMU line.

    WAV (PCM, any rate, channels are mixed down), raw 16-bit files as mod_audio_stream writes them (`.r8`, `.r16`) and
    `silence_stream://MS`. Raises SoundError.
    """
    if path.startswith(SILENCE_PREFIX):
        return _silence(path, rate)
    file = Path(path)
    try:
        stat = file.stat()
    except OSError as error:
        raise SoundError(f"{path}: {error.strerror}") from error
    return _read_cached(file, rate, mulaw, stat.st_mtime_ns, stat.st_size)


def _silence(path: str, rate: int) -> Clip:
    text = path.removeprefix(SILENCE_PREFIX).partition(",")[0]
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_CLIP_SECONDS * 1000):
        raise SoundError(f"{path}: silence_stream:// wants milliseconds, such as silence_stream://2000")
    return Clip(np.zeros(int(text) * rate // 1000, np.int16), rate)


@lru_cache(maxsize=128)  # a campaign has a few dozen prompts, and the same file is played in every call
def _read_cached(file: Path, rate: int, mulaw: bool, _mtime_ns: int, _size: int) -> Clip:
    if file.suffix in {".r8", ".r16"}:
        raw = np.frombuffer(file.read_bytes()[: -1 if file.stat().st_size % 2 else None], "<i2")
        samples, file_rate = raw, 8000 if file.suffix == ".r8" else 16000
    else:
        samples, file_rate = _read_wav(file)
    if not len(samples):
        raise SoundError(f"{file}: the file holds no sound")
    samples = resample(samples, file_rate, rate)
    return Clip(through_mulaw(samples) if mulaw else samples, rate, file_rate)


def _read_wav(file: Path) -> tuple[Samples, int]:
    try:
        with wave.open(str(file), "rb") as opened:
            width, channels, rate = opened.getsampwidth(), opened.getnchannels(), opened.getframerate()
            if opened.getnframes() > MAX_CLIP_SECONDS * rate:
                raise SoundError(f"{file}: longer than {MAX_CLIP_SECONDS} s")
            raw = opened.readframes(opened.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise SoundError(f"{file}: not a PCM WAV file ({error})") from error
    if width != 2 or rate <= 0:
        raise SoundError(f"{file}: {8 * width}-bit samples at {rate} Hz; convert it to 16-bit PCM")
    samples = np.frombuffer(raw[: len(raw) - len(raw) % (2 * channels)], "<i2")
    if channels > 1:
        samples = samples.reshape(-1, channels).mean(axis=1).astype(np.int16)
    return samples, rate


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as opened:
        opened.setnchannels(1)
        opened.setsampwidth(2)
        opened.setframerate(rate)
        opened.writeframes(samples.astype("<i2").tobytes())


def resample(samples: Samples, from_rate: int, to_rate: int) -> Samples:
    """`samples` at another rate, band-limited: the spectrum is cut or extended, which no aliasing survives."""
    if from_rate == to_rate or not len(samples):
        return samples
    padding = from_rate // 20  # the transform is circular: keep the end of the clip out of its beginning
    padded = np.pad(samples.astype(np.float64), padding)
    length = round(len(padded) * to_rate / from_rate)
    spectrum = np.fft.rfft(padded)
    wanted = length // 2 + 1
    spectrum = spectrum[:wanted] if wanted <= len(spectrum) else np.pad(spectrum, (0, wanted - len(spectrum)))
    resampled = np.fft.irfft(spectrum, length) * (to_rate / from_rate)
    start = round(padding * to_rate / from_rate)
    return to_int16(resampled[start : start + round(len(samples) * to_rate / from_rate)])


def to_int16(samples: npt.NDArray[np.floating] | npt.NDArray[np.integer]) -> Samples:
    """Rounded and limited to 16 bits: too loud is clipped, as on a line."""
    limited: Samples = np.rint(np.clip(samples, -32768, 32767)).astype(np.int16)
    return limited


def mix(one: Samples, other: Samples) -> Samples:
    return to_int16(one.astype(np.int32) + other)


def gain(db: float) -> float:
    """The factor of a level in dB (-6 dB is one half, nearly)."""
    return float(10 ** (db / 20))


def tone(hz: float, ms: int, rate: int, level_db: float = -9) -> Samples:
    times = np.arange(ms * rate // 1000) / rate
    return to_int16(32767 * gain(level_db) * np.sin(2 * np.pi * hz * times))


@lru_cache(maxsize=2)
def key_five(ms: int, rate: int) -> Clip:
    """The key 5 of a telephone, as loud as FreeSWITCH's gentones makes it (measured: each of its two tones -16 dBFS at
    its peak)."""
    return Clip(mix(tone(770, ms, rate, -16), tone(1336, ms, rate, -16)), rate)


@lru_cache(maxsize=8)
def noise(db: float, rate: int) -> Samples:
    """10 s of white noise at `db` dBFS (RMS), always the same: calls start at different places of it."""
    generator = np.random.default_rng(8000)
    return to_int16(generator.standard_normal(10 * rate) * 32768 * gain(db))


def _mulaw_round_trip() -> Samples:
    """What G.711 mu-law makes of each 16-bit sample (ITU-T G.711, table 2a), indexed by the sample as unsigned."""
    linear = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    magnitude = np.minimum(np.abs(linear), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    decoded = (((mantissa << 3) + 132) << exponent) - 132
    table: Samples = (np.sign(linear) * decoded).astype(np.int16)
    return table


_MULAW: Final = _mulaw_round_trip()


def through_mulaw(samples: Samples) -> Samples:
    """`samples` as they come out of a PCMU line."""
    heard: Samples = _MULAW[samples.view(np.uint16)]
    return heard


class FrameResampler:
    """Frame by frame from the line's rate to a stream's: 1:1, 1:2 or 2:1, without a seam between frames."""

    _TAPS: Final = 32

    def __init__(self, from_rate: int, to_rate: int) -> None:
        if (from_rate, to_rate) not in {(8000, 8000), (16000, 16000), (8000, 16000), (16000, 8000)}:
            raise ValueError(f"no way from {from_rate} Hz to {to_rate} Hz")
        self._up = to_rate > from_rate
        self._down = to_rate < from_rate
        # A half-band low-pass at 16,000 Hz: everything below 3.6 kHz stays, what is above 4.4 kHz goes.
        positions = np.arange(self._TAPS + 1) - self._TAPS / 2
        taps = np.sinc(positions / 2) * np.hamming(self._TAPS + 1)
        self._taps = (taps / taps.sum() * (2 if self._up else 1)).astype(np.float32)
        self._tail = np.zeros(self._TAPS, np.float32)
        self._silent_for = self._TAPS  # samples of nothing in the tail: silence in is then silence out, for free

    def convert(self, frame: Samples) -> Samples:
        if not (self._up or self._down):
            return frame
        length = len(frame) * 2 if self._up else len(frame)
        if not frame.any():
            if self._silent_for >= self._TAPS:
                return np.zeros(length if self._up else length // 2, np.int16)
            self._silent_for += length
        else:
            self._silent_for = 0
        spread = np.zeros(self._TAPS + length, np.float32)
        spread[: self._TAPS] = self._tail
        spread[self._TAPS :: 2 if self._up else 1] = frame
        self._tail = spread[-self._TAPS :]
        filtered = to_int16(np.convolve(spread, self._taps, "valid"))
        return filtered[::2] if self._down else filtered
