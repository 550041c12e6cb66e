"""Two channels that `uuid_bridge` connects: they leave park, hear each other, and end together.

Measured on FreeSWITCH 1.11.3-dev: what plays stops one frame after the command, with `done`; two frames later the two
are connected, which the first one tells (CHANNEL_BRIDGE). When one of them hangs up the other is ended by FreeSWITCH.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from robot.simulator.playback import Piece
from robot.simulator.sound import FRAME_MS
from robot.simulator.timeline import Timeline

if TYPE_CHECKING:
    from robot.simulator.channel import Channel

CONNECTED_MS: Final = 3 * FRAME_MS


class Bridge:
    """Begins at once; the channels know it as their `bridge`."""

    def __init__(self, first: Channel, second: Channel, timeline: Timeline) -> None:
        self._first = first
        self._second = second
        self._connected = False
        self._over = False
        first.bridging(self, second)
        second.bridging(self, first)
        timeline.call_in(FRAME_MS, self._leave_park)
        timeline.call_in(CONNECTED_MS, self._connect)

    def _leave_park(self) -> None:
        for leg in (self._first, self._second):
            if leg.alive:
                leg.leave_park()

    def _connect(self) -> None:
        if self._over or not (self._first.alive and self._second.alive):
            return
        self._connected = True
        self._first.bridged(self._second)
        self._second.bridged(self._first)
        self._first.emit("CHANNEL_BRIDGE", self._ends)
        self._second.exchanges_media()

    @property
    def _ends(self) -> list[tuple[str, str]]:
        return [("Bridge-A-Unique-ID", self._first.uuid), ("Bridge-B-Unique-ID", self._second.uuid)]

    def other_headers(self, leg: Channel) -> list[tuple[str, str]]:
        """What the events of one leg tell of the other."""
        other, kind = (self._second, "originatee") if leg is self._first else (self._first, "originator")
        return [("Other-Type", kind), *other.profile_headers("Other-Leg")]

    def heard_by(self, leg: Channel) -> Piece | None:
        """What the other side said in the last frame; None: silence."""
        other = self._second if leg is self._first else self._first
        if not self._connected or other.spoken is None or not other.spoken.any():
            return None
        return Piece(other.spoken, 0, len(other.spoken))

    def left(self, leg: Channel) -> None:
        """One of the two has hung up."""
        if self._over:
            return
        self._over = True
        if leg is self._first:
            self._second.hang_up("NORMAL_CLEARING", at_once=True)
            self._tell_end()
        else:
            self._tell_end()
            self._first.hang_up("NORMAL_CLEARING", at_once=True)

    def _tell_end(self) -> None:
        if self._connected:
            self._first.emit("CHANNEL_UNBRIDGE", self._ends)
