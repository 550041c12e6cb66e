"""Our own prompt out of the callee's channel. FreeSWITCH sends both sides aligned, so what we play is known exactly.

WebRTC's echo canceller (AEC3, as in every browser) does the cancelling: it finds the delay by itself, up to 500 ms,
and is converged before a syllable is over. On a line that sends nothing back it would hold a quiet callee for echo and
swallow them. So an echo is looked for first, by correlation with the prompt, and a line without one is left as it is,
which is also the cheap case and the usual one.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Final

import numpy as np
import numpy.typing as npt
from pywebrtc_audio import EchoCanceller

from ws_audio.frames import FRAME_MS, Samples, samples

RATE: Final = 16000  # Hz; AEC3 knows no lower one
_FRAME: Final = RATE * FRAME_MS // 1000
_SILENCE: Final = bytes(2 * _FRAME)
# The round trip through two networks and a mobile phone's codec takes up to 400 ms; the room adds its reverberation.
LONGEST_ECHO_MS: Final = 500

# The search takes place at 8 kHz, where the telephone's band is. One look compares the last 512 ms of the callee with
# the last 1024 ms of the prompt, so that each delay up to 512 ms is covered by as many samples.
_STEP: Final = 2
_HEARD: Final = 4096
_LOOK_FRAMES: Final = 13  # a look each 260 ms of prompt: half of what is compared is new
_BAND: Final = slice(300 * 2 * _HEARD * _STEP // RATE, 3400 * 2 * _HEARD * _STEP // RATE)
_TAIL: Final = 320  # 40 ms, what a room adds to a path
_KEEP: Final = 0.85  # of the looks before, in the mean over looks
# The highest of 4096 correlations against their RMS. Of unrelated voices, music and noise it was 5 to 6, at most 10.5,
# in 140 situations of `robot bench barge-in --interruptions`; of echoes 11 to 45, the lower ones with talk over them.
FOUND: Final = 9.5
_DOUBTFUL: Final = 7.0
# So many looks without an echo say that there is none; it takes more to believe it of a line that had one.
_LOOKS_AT_FIRST: Final = 5
_LOOKS_LATER: Final = 24

# At first the canceller learns the noise of the line, which it puts where it takes echo away: noise that is missing at
# first and comes back later would be taken for speech.
_LEARN_MS: Final = 1000
_CANCELLER_DELAY: Final = 128  # samples by which what it gives is late (measured)
# Beyond what is known of the gain (a quarter of a second's speech tells it to some dB), and the peaks within a frame.
_ABOVE_ECHO: Final = 10 ** (12 / 10)


class Line(Enum):
    """What is known of the echo. UNKNOWN and ECHO are cancelled, CLEAN is passed on as it is."""

    UNKNOWN = auto()
    ECHO = auto()
    CLEAN = auto()


class EchoSearch:
    """Does the callee's side hold the prompt? Correlates the two, whitened, so that only the delay counts."""

    def __init__(self) -> None:
        self.line = Line.UNKNOWN
        self.delay_ms: float | None = None  # of the strongest echo found last
        self.gain = 0.0  # of that echo with its tail against the prompt, as amplitudes
        self._heard = np.zeros(2 * _HEARD, np.float32)
        self._played = np.zeros(2 * _HEARD, np.float32)
        self._mean = np.zeros(_BAND.stop - _BAND.start, np.complex64)
        self._common = self._played_energy = 0.0
        self._frames = 0
        self._in_vain = 0  # looks without an echo

    def push(self, callee: Samples, robot: Samples) -> None:
        """20 ms of each side at 16 kHz, while a prompt sounds."""
        new = _FRAME // _STEP
        at = self._frames % _LOOK_FRAMES * new
        start = 2 * _HEARD - _LOOK_FRAMES * new + at
        # Neighbours are averaged: the crude filter is enough, for what folds back correlates with nothing else.
        self._heard[start : start + new] = callee.reshape(-1, _STEP).sum(axis=1, dtype=np.float32)
        self._played[start : start + new] = robot.reshape(-1, _STEP).sum(axis=1, dtype=np.float32)
        self._frames += 1
        if self._frames % _LOOK_FRAMES == 0:
            self._look()
            shift = _LOOK_FRAMES * new
            self._heard[:-shift] = self._heard[shift:]
            self._played[:-shift] = self._played[shift:]

    def _look(self) -> None:
        heard = self._heard.copy()
        heard[:_HEARD] = 0
        cross = np.fft.rfft(heard)[_BAND] * np.conj(np.fft.rfft(self._played)[_BAND])
        self._mean *= _KEEP
        self._mean += (cross / (np.abs(cross) + 1e-3)).astype(np.complex64)
        spectrum = np.zeros(_HEARD + 1, np.complex64)
        spectrum[_BAND] = self._mean
        lags: npt.NDArray[np.floating] = np.abs(np.fft.irfft(spectrum)[:_HEARD])
        strongest = int(lags.argmax())
        height = float(lags[strongest]) / max(float(np.sqrt(np.mean(lags**2))), 1e-9)  # both are 0 of digital silence
        if height > FOUND:
            self.line, self._in_vain = Line.ECHO, 0
            self.delay_ms = strongest * 1000 * _STEP / RATE
            self._measure(heard[_HEARD:], self._played[_HEARD - strongest : 2 * _HEARD - strongest], lags, strongest)
            return
        self._in_vain += height < _DOUBTFUL
        if self._in_vain >= (_LOOKS_LATER if self.line is Line.ECHO else _LOOKS_AT_FIRST):
            self.line = Line.CLEAN

    def _measure(
        self,
        heard: npt.NDArray[np.float32],
        played: npt.NDArray[np.float32],
        lags: npt.NDArray[np.floating],
        strongest: int,
    ) -> None:
        """The gain of the strongest path by least squares over the looks, times what the paths around it add.

        What else is heard averages out, for it has nothing to do with the prompt.
        """
        self._common = _KEEP * self._common + float(heard.dot(played))
        self._played_energy = _KEEP * self._played_energy + float(played.dot(played))
        around = lags[max(0, strongest - _TAIL // 4) : strongest + _TAIL] ** 2 - np.mean(lags**2)
        tail = max(1.0, float(around.sum()) / float(lags[strongest]) ** 2)
        self.gain = abs(self._common) / max(self._played_energy, 1.0) * tail**0.5


class EchoFreeCallee:
    """One stream's callee without the prompt.

    A frame costs 130 µs on a line with an echo, 40 µs on one without, and nothing between prompts.
    """

    def __init__(self) -> None:
        self.search = EchoSearch()
        self._canceller = EchoCanceller(sample_rate=RATE)
        self._since_prompt_ms = LONGEST_ECHO_MS + FRAME_MS  # since the prompt was last heard
        self._heard_ms = 0
        self._prompt_powers: deque[float] = deque([0.0], maxlen=LONGEST_ECHO_MS // FRAME_MS)
        self._late = np.zeros(_CANCELLER_DELAY, np.int16)  # the end of the callee's frame before

    @property
    def prompt_sounds(self) -> bool:
        """Our prompt plays, or its echo may still come."""
        return self._since_prompt_ms <= LONGEST_ECHO_MS

    def clean(self, callee: bytes, robot: bytes) -> bytes:
        """20 ms of L16 at 16 kHz of each side: the callee's, with what the prompt left in it taken out."""
        self._since_prompt_ms = self._since_prompt_ms + FRAME_MS if robot == _SILENCE else 0
        self._heard_ms += FRAME_MS
        if not self.prompt_sounds and self._heard_ms > _LEARN_MS:
            return callee
        heard, played = samples(callee), samples(robot)
        if self.prompt_sounds:
            self.search.push(heard, played)
        if self.search.line is Line.CLEAN:
            return callee
        cleaned = self._canceller.process(heard, played)
        self._prompt_powers.append(float(np.dot(played.astype(np.float32), played)) / _FRAME)
        late = np.concatenate((self._late, heard[:-_CANCELLER_DELAY]))
        self._late = heard[-_CANCELLER_DELAY:]
        if self.search.line is Line.ECHO and self._above_echo(late):
            cleaned = late
        result: bytes = cleaned.astype("<i2", copy=False).tobytes()
        return result

    def _above_echo(self, heard: Samples) -> bool:
        """The callee is so much louder than the echo can be that nothing need be taken out, and nothing lost."""
        loudest = max(self._prompt_powers) * self.search.gain**2
        return float(np.dot(heard.astype(np.float32), heard)) / _FRAME > loudest * _ABOVE_ECHO
