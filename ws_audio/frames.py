"""L16 audio: messages of any length into frames of 20 ms, one side or two. Pure.

L16 here is signed 16-bit little-endian PCM, as mod_audio_stream sends it. In stereo the samples of both sides
alternate: left is the callee, right is what the robot plays.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

FRAME_MS: Final = 20
SAMPLE_BYTES: Final = 2
RATES: Final = (8000, 16000)  # Hz; what uuid_audio_stream offers and webrtcvad takes

Samples = npt.NDArray[np.int16]


class Frame(NamedTuple):
    """20 ms of L16: 320 bytes of each side at 8 kHz, 640 at 16 kHz."""

    callee: bytes
    robot: bytes | None  # None unless the stream is stereo


class FrameCutter:
    """Cuts a byte stream into frames. A message may end anywhere, even between the two bytes of a sample."""

    def __init__(self, rate: int, channels: int) -> None:
        """`rate` in Hz, 8000 or 16000; `channels` 1 or 2. Raises ValueError for others."""
        if rate not in RATES or channels not in (1, 2):
            raise ValueError(f"a stream of {rate} Hz and {channels} channels: only 8000 or 16000 Hz, 1 or 2 channels")
        self._size = rate * FRAME_MS // 1000 * SAMPLE_BYTES * channels
        self._stereo = channels == 2
        self._rest = b""  # less than one frame

    def push(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes."""
        size = self._size
        if not self._rest and len(data) == size:  # nearly every message
            return [self._frame(data)]
        data = self._rest + data
        whole = len(data) - len(data) % size
        self._rest = data[whole:]
        return [self._frame(data[start : start + size]) for start in range(0, whole, size)]

    def _frame(self, data: bytes) -> Frame:
        if not self._stereo:
            return Frame(data, None)
        sides = np.frombuffer(data, dtype="<i2").reshape(-1, 2)
        return Frame(sides[:, 0].tobytes(), sides[:, 1].tobytes())


def samples(audio: bytes) -> Samples:
    """L16 of one side as an array, without a copy on little-endian machines."""
    return np.frombuffer(audio, dtype="<i2").astype(np.int16, copy=False)


# A half-band low-pass filter: passes up to about 3.6 kHz, stops from 4.4 kHz on by more than 70 dB, so that the mirror
# image of the telephone band, which doubling the rate creates above 4 kHz, is gone. Kaiser's window, beta 7.
_TAPS: Final = 95
_OFFSETS: Final = np.arange(_TAPS) - _TAPS // 2
_HALF_BAND: Final = (np.sinc(_OFFSETS / 2) * np.kaiser(_TAPS, 7.0)).astype(np.float32)


def double_rate(audio: Samples) -> Samples:
    """8 kHz to 16 kHz, twice as many samples, not delayed."""
    if audio.size == 0:
        return audio
    stuffed = np.zeros(audio.size * 2, dtype=np.float32)
    stuffed[::2] = audio
    half = _TAPS // 2
    filtered = np.convolve(stuffed, _HALF_BAND)[half : half + stuffed.size]
    return np.clip(np.rint(filtered), -32768, 32767).astype(np.int16)
