"""Is this frame speech? WebRTC's detector behind an energy gate.

The detector costs 4 µs a frame and is right about most frames, not about each: what a single frame says is no
decision. `endpointing` makes the decisions.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import webrtcvad

from ws_audio.frames import FRAME_MS

# A callee who sends no RTP still gives near-zero frames, and comfort noise begins at -70 dBFS; the detector learns the
# louder noise of a line by itself. The quiet consonants of somebody who speaks softly, at -40 dBFS, are above this.
DEFAULT_FLOOR_DBFS = -54.0

# The detector itself holds on for a few frames after speech, which bridges the decay of a word and the start of the
# next. The gate leaves it that after as many loud frames: else pauses within a sentence come out 100 ms too long, and
# speech falls apart at its commas.
HOLD_FRAMES = 5

# A detector that has heard nothing yet takes the noise of the line for speech, for up to four frames.
SETTLE_FRAMES = 5

# Who holds the telephone is louder than the room. A syllable at the end of a sentence is up to 20 dB below the loudest
# of the same voice; the next speaker may be quieter by more, and is heard when the loudest is some seconds ago.
BACKGROUND_DB = 18.0
FORGET_DB_PER_S = 3.0


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
        self._settling = SETTLE_FRAMES
        self._held = 0  # quiet frames that may still be speech

    def is_speech(self, frame: bytes) -> bool:
        """See VoiceDetector. The energy is looked at only in what the detector takes for speech: it costs as much."""
        voiced = self._vad.is_speech(frame, self._rate)
        if self._settling:
            self._settling -= 1
            return False
        if not voiced:
            self._held = 0
            return False
        wave = np.frombuffer(frame, dtype="<i2").astype(np.float32)
        if self._loud_enough(float(wave.dot(wave)) / wave.size):
            self._held = min(self._held + 1, HOLD_FRAMES)
            return True
        self._held -= 1
        return self._held >= 0

    def _loud_enough(self, power: float) -> bool:
        """`power` is the mean square of a frame that the detector takes for speech."""
        return power >= self._floor


class ForegroundVad(WebRtcVad):
    """The same without the people behind the one who speaks: what is much quieter than the speech before is none.

    In a room where others talk it hears when the callee has finished, which WebRtcVad alone does not. Over a prompt it
    hears more gaps in what the callee says, and a barge-in later: `focused` turns it off and on, without forgetting.
    """

    def __init__(
        self, rate: int, aggressiveness: int = 2, floor_dbfs: float = DEFAULT_FLOOR_DBFS, *, focused: bool = True
    ) -> None:
        super().__init__(rate, aggressiveness, floor_dbfs)
        self.focused = focused
        self._loudest = 0.0  # mean square of the loudest voiced frame, which fades
        self._fade = 10 ** (-FORGET_DB_PER_S * FRAME_MS / 1000 / 10)

    def is_speech(self, frame: bytes) -> bool:
        """See VoiceDetector."""
        self._loudest *= self._fade
        return super().is_speech(frame)

    def _loud_enough(self, power: float) -> bool:
        self._loudest = max(self._loudest, power)
        return power >= (max(self._floor, self._loudest * 10 ** (-BACKGROUND_DB / 10)) if self.focused else self._floor)
