"""What the tones of a line mean: a mailbox's beep, a fax, ringing, an operator's announcement. Pure.

Tones that follow each other closely are one signal: beeps come in two parts, announcements begin with three tones. So
a signal is complete only when it has been over for `SETTLE_MS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from ws_audio.events import ToneEnded, ToneEvent, ToneStarted

# A message is to start within 300 ms of the beep's end: this leaves 120 ms to the playback and 60 ms to the rest.
SETTLE_MS: Final = 120
SHORTEST_BEEP_MS: Final = 150
LONGEST_BEEP_MS: Final = 5000
# One tone as ringback, busy or congestion (ITU-T E.180 supplement 2): 425 Hz, in France 440, in Asia 450. Two tones at
# a time, as in North America and the United Kingdom, are none that are told at all.
_RINGING_HZ: Final = (405.0, 465.0)
# A ring lasts 1 s or, in France, 1.5 s; busy and congestion are 500 and 250 ms.
_RINGING_MS: Final = ((200, 300), (450, 550), (900, 1100), (1400, 1600))
# ITU-T T.30: a calling fax sends 1100 Hz for 0.5 s every 3.5 s, an answering one 2100 Hz for 2.6 to 4 s.
_CALLING_HZ, _CALLING_MS = (1060.0, 1140.0), (400, 600)
_ANSWERING_HZ, _ANSWERING_MS = (2075.0, 2125.0), 1000
# ITU-T E.180: three rising tones before "the number you have dialled ...".
_ANNOUNCEMENT_HZ: Final = ((900.0, 1000.0), (1350.0, 1450.0), (1750.0, 1850.0))


class Signal(Enum):
    BEEP = auto()
    RINGING = auto()  # ringback, busy or congestion, by its pitch; a mailbox may beep at it, too
    FAX_CALLING = auto()  # one burst; a mailbox may beep so, too
    ANNOUNCEMENT = auto()
    OTHER = auto()  # too short or too long to mean anything


@dataclass(frozen=True, slots=True)
class HeardSignal:
    """`cadenced`: as long as a ring or a pip of busy is. Times in ms of audio."""

    kind: Signal
    started_ms: int
    ended_ms: int
    hz: int
    cadenced: bool

    @classmethod
    def of(cls, tones: Sequence[ToneEnded]) -> HeardSignal:
        """What one or more tones in a row are."""
        started, ended = tones[0].started_ms, tones[-1].ended_ms
        length = ended - started
        longest = max(tones, key=lambda tone: tone.ended_ms - tone.started_ms)
        # A vowel now and then looks like some short tones in a row.
        lasts = longest.ended_ms - longest.started_ms >= SHORTEST_BEEP_MS and length <= LONGEST_BEEP_MS
        kind = Signal.BEEP if lasts else Signal.OTHER
        if [_within(tone.hz, band) for tone, band in zip(tones, _ANNOUNCEMENT_HZ, strict=False)] == [True] * 3:
            kind = Signal.ANNOUNCEMENT
        elif lasts and all(_within(tone.hz, _RINGING_HZ) for tone in tones):
            kind = Signal.RINGING
        elif _within(longest.hz, _CALLING_HZ) and _within(length, _CALLING_MS):
            kind = Signal.FAX_CALLING
        return cls(kind, started, ended, longest.hz, any(_within(length, each) for each in _RINGING_MS))


class LineSignals:
    """The tones of one line, put together to signals."""

    def __init__(self) -> None:
        self._tones: list[ToneEnded] = []  # of the signal that may go on
        self._sounding: ToneStarted | None = None

    def hear(self, tone: ToneEvent) -> None:
        if isinstance(tone, ToneStarted):
            self._sounding = tone
        else:
            self._sounding = None
            self._tones.append(tone)

    @property
    def going_on(self) -> bool:
        """A tone sounds, or has just ended and may have a second part."""
        return self._sounding is not None or bool(self._tones)

    @property
    def sounding(self) -> bool:
        return self._sounding is not None

    def deadline(self) -> int | None:
        """When `completed` or `fax_answers` may have something new to tell, in ms of audio."""
        if self._sounding is not None:
            answers = _within(self._sounding.hz, _ANSWERING_HZ)
            return self._sounding.started_ms + _ANSWERING_MS if answers else None
        return self._tones[-1].ended_ms + SETTLE_MS if self._tones else None

    def fax_answers(self, now_ms: int) -> bool:
        """Whether the tone that sounds is a fax that answers: known from its length, long before its end."""
        tone = self._sounding
        return tone is not None and _within(tone.hz, _ANSWERING_HZ) and now_ms - tone.started_ms >= _ANSWERING_MS

    def completed(self, now_ms: int) -> HeardSignal | None:
        """The signal that is over since `SETTLE_MS`, once."""
        if self._sounding is not None or not self._tones or now_ms < self._tones[-1].ended_ms + SETTLE_MS:
            return None
        signal = HeardSignal.of(self._tones)
        self._tones = []
        return signal


def _within(value: float, band: tuple[float, float]) -> bool:
    return band[0] <= value <= band[1]
