"""Keys that are sent on the line, with the time that each takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from robot.simulator.timeline import Timeline

# A key by RFC 2833, the gap behind it, and the pauses `w` and `W` between keys: as measured, from outside.
KEY_MS: Final = 260
KEY_GAP_MS: Final = 20
_PAUSES_MS: Final = {"w": 500, "W": 1000}


class KeySender:
    """Of one channel. on_sent: a key is through."""

    def __init__(self, timeline: Timeline, on_sent: Callable[[str], None]) -> None:
        self._timeline = timeline
        self._on_sent = on_sent
        self._busy_until_ms = 0.0

    def send(self, keys: str, key_ms: int) -> None:
        """One after the other, behind those that are being sent; `w` and `W` are pauses."""
        at_ms = max(self._busy_until_ms, self._timeline.now_ms)
        for key in keys:
            if key in _PAUSES_MS:
                at_ms += _PAUSES_MS[key]
            else:
                self._timeline.call_at(at_ms + key_ms, partial(self._on_sent, key))
                at_ms += key_ms + KEY_GAP_MS
        self._busy_until_ms = at_ms
