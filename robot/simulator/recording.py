"""What `uuid_record` writes: one file for each recording, of the callee, or of the callee and the robot.

As on a real FreeSWITCH the file is there from the beginning and complete at the hangup; RECORD_READ_ONLY leaves the
robot out, RECORD_STEREO puts it on the right, and neither mixes both into one.
"""

from __future__ import annotations

import wave
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from robot.simulator import sound
from robot.simulator.sound import Samples


class Recording:
    """Opens `file`, and the folders above it. Raises OSError."""

    def __init__(self, file: Path, variables: Mapping[str, str], rate: int) -> None:
        self._stereo = variables.get("RECORD_STEREO") == "true"
        self._callee_only = variables.get("RECORD_READ_ONLY") == "true"
        file.parent.mkdir(parents=True, exist_ok=True)
        self._wav = wave.open(str(file), "wb")  # noqa: SIM115 - closed at the hangup
        self._wav.setnchannels(2 if self._stereo else 1)
        self._wav.setsampwidth(2)
        self._wav.setframerate(rate)

    def push(self, callee: Samples, robot: Samples | None) -> None:
        """The next 20 ms. `robot`: None while it says nothing."""
        silent = np.zeros(len(callee), np.int16) if robot is None else robot
        if self._stereo:
            frame = np.stack([callee, silent], axis=1)
        else:
            frame = callee if self._callee_only else sound.mix(callee, silent)
        self._wav.writeframes(frame.astype("<i2").tobytes())

    def close(self) -> None:
        self._wav.close()
