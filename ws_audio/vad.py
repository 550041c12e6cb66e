"""Is this frame speech? WebRTC's detector behind an energy gate.

The detector costs 4 µs a frame and is right about most frames, not about each: what a single frame says is no
decision. `endpointing` makes the decisions.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import webrtcvad

# A callee who sends no RTP still gives near-zero frames, and comfort noise lies between -60 and -50 dBFS; speech over
# the telephone is 15 dB and more above that.
DEFAULT_FLOOR_DBFS = -50.0


class VoiceDetector(Protocol):
    """Tells speech from the rest, one frame of 20 ms after the other."""

    def is_speech(self, frame: bytes) -> bool:
        """`frame` is 20 ms of mono L16 at the rate of the stream."""
        ...


class WebRtcVad:
    """One per stream: the detector adapts to the noise that it has heard."""

    def __init__(self, rate: int, aggressiveness: int = 2, floor_dbfs: float = DEFAULT_FLOOR_DBFS) -> None:
        """`aggressiveness` from 0 (takes much for speech) to 3; what is quieter than `floor_dbfs` is never speech."""
        if aggressiveness not in range(4):
            raise ValueError(f"VAD aggressiveness is {aggressiveness}: it goes from 0 to 3")
        self._vad = webrtcvad.Vad(aggressiveness)
        self._rate = rate
        self._floor = (32768 * 10 ** (floor_dbfs / 20)) ** 2  # mean square

    def is_speech(self, frame: bytes) -> bool:
        """See VoiceDetector. The energy is looked at only in what the detector takes for speech: it costs as much."""
        if not self._vad.is_speech(frame, self._rate):
            return False
        wave = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        return bool(wave.dot(wave) >= self._floor * wave.size)
