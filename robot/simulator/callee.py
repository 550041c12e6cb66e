"""One virtual callee on one call: what it does when, decided from its script. Pure; audio and sockets are elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from robot.simulator.callees_file import Callee, Moment, Trigger

# Keys are pressed by a finger.
DTMF_GAP_MS: Final = 100


@dataclass(frozen=True, slots=True)
class Speak:
    """Say the entry `index` of the script's `says`."""

    index: int


@dataclass(frozen=True, slots=True)
class Press:
    """Press one key: 0-9, A-D, * or #."""

    digit: str


@dataclass(frozen=True, slots=True)
class PutDown:
    """Hang up."""


Act = Speak | Press | PutDown
Entry = TypeVar("Entry", bound=Trigger)


def counts_of(entries: Iterable[Trigger]) -> list[int]:
    """Which occurrence of its moment each entry waits for, from 1: its own `count`, or the next that is free."""
    taken: Counter[Moment] = Counter()
    counts = []
    for entry in entries:
        count = 1 if entry.after == "answer" else entry.count or taken[entry.after] + 1
        taken[entry.after] = max(taken[entry.after], count)
        counts.append(count)
    return counts


class Script:
    """Turns moments of the call into what the callee does, each with the time for it.

    Times are milliseconds since the answer; `due` must be asked with times that do not go back.
    """

    def __init__(self, callee: Callee) -> None:
        self._entries: list[tuple[Moment, int, int, list[Act]]] = []
        for says_index, (say, count) in enumerate(_counted(callee.says)):
            self._entries.append((say.after, count, say.wait_ms, [Speak(says_index)]))
        for dtmf, count in _counted(callee.dtmf):
            self._entries.append((dtmf.after, count, dtmf.wait_ms, [Press(digit) for digit in dtmf.digits]))
        for hang_up, count in _counted([callee.hang_up] if callee.hang_up else []):
            self._entries.append((hang_up.after, count, hang_up.wait_ms, [PutDown()]))
        self._happened: Counter[Moment] = Counter()
        self._planned: list[tuple[float, Act]] = []

    def happened(self, moment: Moment, at_ms: float) -> None:
        self._happened[moment] += 1
        for after, count, wait_ms, acts in self._entries:
            if after == moment and count == self._happened[moment]:
                for step, act in enumerate(acts):
                    self._planned.append((at_ms + wait_ms + step * DTMF_GAP_MS, act))
        self._planned.sort(key=lambda planned: planned[0])

    @property
    def next_ms(self) -> float | None:
        """The time of what the callee does next; None when it waits for a moment."""
        return self._planned[0][0] if self._planned else None

    def due(self, now_ms: float) -> list[Act]:
        """What the callee does now, in order; each act comes once."""
        acts = []
        while self._planned and self._planned[0][0] <= now_ms:
            acts.append(self._planned.pop(0)[1])
        return acts


def _counted(entries: Sequence[Entry]) -> list[tuple[Entry, int]]:
    return list(zip(entries, counts_of(entries), strict=True))
