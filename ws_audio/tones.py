"""Is this sound made by a machine: ringback, busy, DTMF, a voicemail's beep, mains hum? Pure.

`is_tone` judges a whole utterance, `ToneDetector` follows a stream and says when a single tone begins and ends.

A telephone line is full of tones, and Whisper writes words for them. A tone, or two at a time, has all its power at
two frequencies, and stays there. Measured over synthesised sentences of two voices, clean and through a noisy telephone
band: in the most tonal three quarters of the frames of tones at least 0.96 of the power; of a man's speech at most
0.83, but of a woman's ("oui", "non") up to 0.99. Her pitch is never still: while the strongest frequency of a tone
moves by at most 2.8 Hz within 64 ms in three quarters of the frames, that of her voice moves by at least 12 Hz.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ws_audio.events import ToneEnded, ToneEvent, ToneStarted
from ws_audio.frames import FRAME_MS, RATES, Samples

_WINDOW: Final = 512  # samples: 32 ms at 16 kHz, so that a bin is 31 Hz wide
_HOP: Final = 256
_PEAKS: Final = 2  # ringback, busy and DTMF are two tones at a time
_PEAK_WIDTH: Final = 2  # bins to each side: the main lobe of a Hann window
_TONAL: Final = 0.95
_LONG_WINDOW: Final = 1024  # parts the two tones of ringback, so that neither seems to move
_STILL_HZ: Final = 5.0
# A DTMF digit may be too short for the long window. In the short one the strongest frequency of tones holds to 0.1 Hz
# in 0.4 to 1 of the frames, that of a voice to 0.5 Hz in 0.1.
_EXACT_HZ: Final = 0.5
_EXACT: Final = 0.25


def is_tone(audio: Samples) -> bool:
    """Whether all that is loud in mono `audio` at 16 kHz are tones."""
    if audio.size < _WINDOW:
        return False
    power = _power(audio, _WINDOW)
    if not len(power):
        return False
    steps = _steps(power)
    energy = power.sum(axis=1)
    rows = np.arange(len(power))
    in_peaks = np.zeros(len(power))
    for _ in range(_PEAKS):
        peak = power.argmax(axis=1)
        for offset in range(-_PEAK_WIDTH, _PEAK_WIDTH + 1):
            bins = np.clip(peak + offset, 0, power.shape[1] - 1)
            in_peaks += power[rows, bins]
            power[rows, bins] = 0
    # The quarter that is least tonal are the edges of a tone, where it is switched on and off.
    if np.percentile(in_peaks / energy, 25) < _TONAL:
        return False
    if steps.size and np.mean(steps < _EXACT_HZ) >= _EXACT:
        return True
    steps = _steps(_power(audio, _LONG_WINDOW))
    return bool(steps.size and np.percentile(steps, 75) < _STILL_HZ)


def _power(audio: Samples, window: int) -> npt.NDArray[np.float32]:
    """Power spectra of the loud frames of mono `audio`, one a row."""
    if audio.size < window:
        return np.zeros((0, window // 2 + 1), dtype=np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(audio.astype(np.float32), window)[::_HOP]
    power = np.square(np.abs(np.fft.rfft(frames * np.hanning(window).astype(np.float32))))
    energy = power.sum(axis=1)
    loud: npt.NDArray[np.float32] = power[(energy > energy.max() / 100) & (energy > 0)]
    return loud


def _steps(power: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """How far, in Hz, the strongest frequency of each frame at 16 kHz is from that of the frame a window later."""
    lag = (power.shape[1] - 1) * 2 // _HOP
    if len(power) <= lag:
        return np.zeros(0)
    rows = np.arange(len(power))
    peak = np.clip(power.argmax(axis=1), 1, power.shape[1] - 2)
    below, at, above = (np.sqrt(power[rows, peak + offset].astype(np.float64)) for offset in (-1, 0, 1))
    # Between two bins: for a Hann window the ratio of the two highest magnitudes tells where.
    ratio = np.maximum(below, above) / np.maximum(at, 1e-9)
    bins = peak + (2 * ratio - 1) / (1 + ratio) * np.where(above > below, 1, -1)
    hertz = bins * RATES[-1] / ((power.shape[1] - 1) * 2)
    return np.asarray(np.abs(hertz[lag:] - hertz[:-lag]))


LOWEST_HZ: Final = 350.0
HIGHEST_HZ: Final = 2500.0
# A tone is told once it has lasted so long; DTMF digits and clicks are shorter, a mailbox's beep is not.
SURE_MS: Final = 120
# Beeps come in parts: soon after a tone, less makes another.
_AGAIN_MS: Final = 40
_SOON_MS: Final = 200
# One lost packet of 20 ms does not end a tone, nor does a phase reversal of a fax's answer tone (ITU-T V.8).
_GAP_FRAMES: Final = 2
# The part of the power of the telephone band that is at one frequency, in 32 ms. A vowel of a high voice below 420 Hz
# can be as pure for 300 ms; but its pitch goes up and down by 4 to 30 Hz meanwhile, that of a tone with noise 10 dB
# below it by less than 2 Hz.
_PURE: Final = 0.85
_STEADY_HZ, _STEADY = 4.0, 0.006
# What glides (a chirp) or jumps has no pitch to hold on to: then each frame must be purer.
_VERY_PURE: Final = 0.95
_BAND_HZ: Final = (250.0, 3600.0)  # what is below is hum, what is above is none of the telephone's
_FLOOR_DB: Final = -48.0
# Echo and ringing-down do not count: a tone has ended when it is so much weaker than it was at its loudest.
_FALL_DB: Final = 10.0
# Two tones at a time beat: ringback of 440 and 480 Hz every 25 ms, too close for the spectrum of one frame. One tone
# with noise 10 dB below it is steady to 1.5 dB, a fax's modulated answer tone to 1.3 dB, two equal tones to 7 dB.
_BEATS_DB: Final = 2.5
_BLOCK_MS: Final = 5
_GLIDES_FROM_HZ: Final = 600.0  # a voice that glides can be as pure, but hardly so high
_NEARLY_STEADY: Final = 0.03
_LONGEST_MEAN: Final = 10  # frames
_GLIDE: Final = 0.15  # from one frame to the next


class ToneDetector:
    """Follows one stream for single tones of 350 to 2500 Hz that last; about 20 µs a frame, 3 µs where it is quiet.

    A voice is not one (its power is in many harmonics), nor are two tones at a time: ringback, busy and DTMF of
    countries that use two. Whether a tone is a mailbox's beep depends on what came before: that is not decided here.
    """

    def __init__(self, rate: int, now_ms: int = 0) -> None:
        """`rate` in Hz, 8000 or 16000; the first sample is at `now_ms`. Raises ValueError for other rates."""
        if rate not in RATES:
            raise ValueError(f"tones are looked for at 8000 or 16000 Hz, not at {rate} Hz")
        self._hop = rate * FRAME_MS // 1000
        size = self._hop * 8 // 5  # 32 ms
        self._window = np.hanning(size).astype(np.float32)
        self._bin_hz = rate / size
        self._low, self._high = (round(hz / self._bin_hz) for hz in _BAND_HZ)
        self._heard = np.zeros(size, dtype=np.float32)  # the last 32 ms
        self._rest = np.zeros(0, dtype=np.int16)  # less than a frame
        self._now_ms = now_ms
        self._run: _Run | None = None
        self._tone_ended_ms = now_ms - _SOON_MS - FRAME_MS
        self._echo_db = -np.inf  # what is not louder is left over from the tone before

    def push(self, audio: Samples) -> tuple[ToneEvent, ...]:
        """What the next samples of any number tell. Times are of the stream's audio, as all events have them."""
        if self._rest.size:
            audio = np.concatenate([self._rest, audio])
        events: list[ToneEvent] = []
        whole = audio.size - audio.size % self._hop
        for start in range(0, whole, self._hop):
            events += self._frame(audio[start : start + self._hop].astype(np.float32))
        self._rest = audio[whole:].copy()
        return tuple(events)

    def _frame(self, frame: npt.NDArray[np.float32]) -> list[ToneEvent]:
        self._now_ms += FRAME_MS
        heard, hop = self._heard, self._hop
        heard[:-hop] = heard[hop:]
        heard[-hop:] = frame
        blocks = frame.reshape(FRAME_MS // _BLOCK_MS, -1)
        levels = 10 * np.log10(np.einsum("ij,ij->i", blocks, blocks) / blocks.shape[1] + 1e-3) - 90.3
        found = self._pure_tone() if levels.max() > max(_FLOOR_DB, self._echo_db) else None
        run = self._run
        if run is None:
            self._echo_db -= 0.5  # 25 dB a second: slower than a room, faster than the next beep comes
            if found is not None:
                self._run = _Run(self._now_ms, levels, *found)
            return []
        if found is not None and run.goes_on(levels, *found):
            soon = self._now_ms - self._tone_ended_ms <= _SOON_MS
            return run.sure(self._now_ms, _AGAIN_MS if soon else SURE_MS)
        # After a lost packet the first frame that holds some of the tone again is a little off its pitch.
        gap_allowed = found is None or run.continues_after_gap(found[0])
        events = run.interrupted(self._now_ms, levels, gap_allowed=gap_allowed)
        if run.over:
            self._run = None
            if events:
                self._tone_ended_ms = self._now_ms
                self._echo_db = run.loudest_db - _FALL_DB
            if found is not None and levels.max() > self._echo_db:
                self._run = _Run(self._now_ms, levels, *found)
        return events

    def _pure_tone(self) -> tuple[float, float] | None:
        """Frequency in Hz and purity (0 to 1) of the last 32 ms, when they are one tone."""
        spectrum = np.fft.rfft(self._heard * self._window)[self._low : self._high]
        power = spectrum.real**2 + spectrum.imag**2
        peak = int(power.argmax())
        around = power[max(0, peak - _PEAK_WIDTH) : peak + _PEAK_WIDTH + 1]
        purity = float(around.sum() / power.sum())
        if purity < _PURE or not 0 < peak < power.size - 1:
            return None
        # Between two bins: for a Hann window the ratio of the two highest magnitudes tells where.
        below, above = float(power[peak - 1]) ** 0.5, float(power[peak + 1]) ** 0.5
        ratio = max(below, above) / float(power[peak]) ** 0.5
        offset = (2 * ratio - 1) / (1 + ratio) * (1 if above > below else -1)
        hz = (self._low + peak + offset) * self._bin_hz
        return (hz, purity) if LOWEST_HZ <= hz <= HIGHEST_HZ else None


class _Run:
    """Frames in a row that are one tone: perhaps, or surely, a tone."""

    def __init__(self, now_ms: int, levels: npt.NDArray[np.float64], hz: float, purity: float) -> None:
        self._hz = [hz]
        self._levels = [levels]
        self._steady_since = 0  # index into _hz
        self._missing: list[npt.NDArray[np.float64]] = []  # frames of a gap that may be bridged
        self._told = False
        self.over = False
        self.loudest_db = float(levels.max())
        # The blocks at the beginning are from before the tone.
        loud = np.flatnonzero(levels > self.loudest_db - _FALL_DB)
        self._started_ms = now_ms - FRAME_MS + int(loud[0]) * _BLOCK_MS

    def goes_on(self, levels: npt.NDArray[np.float64], hz: float, purity: float) -> bool:
        """Whether this frame belongs to it; then it is taken in."""
        if levels.max() < self.loudest_db - _FALL_DB:
            return False
        steady = self._hz[self._steady_since :][-_LONGEST_MEAN:]
        if abs(hz - sum(steady) / len(steady)) > max(_STEADY_HZ, _STEADY * hz):
            step = abs(hz - self._hz[-1])
            glides = step <= _GLIDE * hz or len(steady) < SURE_MS // FRAME_MS
            if purity < _VERY_PURE or min(hz, self._hz[-1]) < _GLIDES_FROM_HZ or not glides:
                return False
            self._steady_since = len(self._hz)
        self._levels += [*self._missing, levels]
        self._missing.clear()
        self._hz.append(hz)
        self.loudest_db = max(self.loudest_db, float(levels.max()))
        return True

    def continues_after_gap(self, hz: float) -> bool:
        """Whether a frame that is not quite the tone may be its return after a gap."""
        return bool(self._missing) and abs(hz - self._hz[-1]) < _NEARLY_STEADY * hz

    def sure(self, now_ms: int, after_ms: int) -> list[ToneEvent]:
        """ToneStarted, once, when it has lasted long enough. Two tones that beat make an end of the run."""
        if self._told or now_ms - self._started_ms < after_ms:
            return []
        if self._beats():
            # Kept until the sound ends: what comes after is the same two tones.
            self._started_ms = now_ms
            self._hz, self._levels = self._hz[-1:], self._levels[-1:]
            return []
        self._told = True
        return [ToneStarted(self._started_ms, now_ms, self._median_hz())]

    def interrupted(self, now_ms: int, levels: npt.NDArray[np.float64], *, gap_allowed: bool) -> list[ToneEvent]:
        """A frame that does not belong to it: ToneEnded when it has ended."""
        self._missing.append(levels)
        if gap_allowed and len(self._missing) <= _GAP_FRAMES:
            return []
        self.over = True
        if not self._told:
            return []
        # Its end lies in the last frame that was one, or in the first that was none.
        tail = np.concatenate([self._levels[-1], self._missing[0]])
        loud = np.flatnonzero(tail > self.loudest_db - _FALL_DB)
        first_ms = now_ms - (len(self._missing) + 1) * FRAME_MS
        last = int(loud[-1]) + 1 if loud.size else 0
        # What is loud in the frame that was none may be a voice, or the next tone.
        ended_ms = first_ms + min(last * _BLOCK_MS, FRAME_MS if not gap_allowed else 2 * FRAME_MS)
        return [ToneEnded(self._started_ms, max(ended_ms, self._started_ms), now_ms, self._median_hz())]

    def _median_hz(self) -> int:
        return round(float(np.median(self._hz)))

    def _beats(self) -> bool:
        """Whether its level goes up and down within hundredths of a second. A level that falls steadily does not."""
        levels = np.concatenate(self._levels)[2:]  # without the moment of its beginning
        slow = np.polyval(np.polyfit(np.arange(levels.size), levels, 1), np.arange(levels.size))
        return bool(np.std(levels - slow) > _BEATS_DB)
