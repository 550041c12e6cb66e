"""What a callee heard and said: exact to the sample, in milliseconds from the answer."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from robot.simulator.playback import Piece
from robot.simulator.sound import Samples, write_wav

# `playing`: it has not ended yet. `hangup`: the call ended first.
Ending = Literal["playing", "done", "break", "hangup"]


@dataclass(slots=True)
class HeardPrompt:
    """One file that was played to the callee, from its first sample to its last. start_ms: where in the file the first
    sample was."""

    prompt: str
    from_ms: float
    to_ms: float
    how: Ending = "playing"
    start_ms: float = 0.0


@dataclass(slots=True)
class HeardKey:
    """A key that the other side pressed, when it was let go."""

    digit: str
    at_ms: float


@dataclass(slots=True)
class Said:
    """Something that the callee said: the text, or the name of the recording."""

    what: str
    from_ms: float
    to_ms: float


@dataclass(slots=True)
class _Stretch:
    """From `start` (samples since the answer) the callee hears `piece`: a reference into what all calls share."""

    start: int
    piece: Piece


@dataclass(slots=True)
class Heard:
    """The ear of one callee."""

    rate: int
    prompts: list[HeardPrompt] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    keys: list[HeardKey] = field(default_factory=list)
    length: int = 0  # samples since the answer
    _stretches: list[_Stretch] = field(default_factory=list)

    def listen(self, piece: Piece | None, length: int) -> None:
        """The next `length` samples on the line; None is silence."""
        if piece is not None:
            last = self._stretches[-1] if self._stretches else None
            if last and last.piece.sound is piece.sound and last.piece.stop == piece.start and self._goes_on(last):
                last.piece = replace(last.piece, stop=piece.stop)
            else:
                self._stretches.append(_Stretch(self.length, piece))
        self.length += length

    def _goes_on(self, last: _Stretch) -> bool:
        return last.start + last.piece.stop - last.piece.start == self.length

    @property
    def duration_ms(self) -> float:
        return self.length * 1000 / self.rate

    @property
    def samples(self) -> Samples:
        """All of it, from the answer to the end of the call (or now)."""
        whole = np.zeros(self.length, np.int16)
        for stretch in self._stretches:
            sound = stretch.piece.samples
            whole[stretch.start : stretch.start + len(sound)] = sound
        return whole

    def save_wav(self, path: Path) -> None:
        write_wav(path, self.samples, self.rate)
