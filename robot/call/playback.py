"""One prompt in FreeSWITCH, from the command to its end: pure, times are passed in, commands are returned.

FreeSWITCH answers `+OK` to a `uuid_break` and may still play on: a break within about 110 ms of a `uuid_broadcast` is
lost, and one within the first milliseconds drops the file without any event. So a prompt counts as stopped only when
PLAYBACK_STOP says so; a PLAYBACK_START that comes after a break wants the break again; and every wait has a limit.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import Final

# PLAYBACK_START comes 20 ms (sendmsg) to 320 ms (uuid_broadcast just after park) after the command; a FreeSWITCH that
# takes over two seconds is not going to play.
START_LIMIT_S: Final = 3.0
# A cancelled prompt that has not started by then was dropped whole, without any event.
CANCELLED_LIMIT_S: Final = 1.0
# PLAYBACK_STOP follows a break within one 20 ms frame and an event poll of 20 ms.
BREAK_LIMIT_S: Final = 0.25
# How much longer than the file a prompt may take before its PLAYBACK_STOP counts as lost (with a lost event socket).
OVERTIME_S: Final = 2.0


class PlaybackState(Enum):
    REQUESTED = auto()  # the command is on the wire
    CANCELLED = auto()  # a break was sent before PLAYBACK_START came
    PLAYING = auto()  # PLAYBACK_START came
    BREAKING = auto()  # a break was sent while it played
    # final
    FINISHED = auto()  # played to its end
    INTERRUPTED = auto()  # stopped by our break
    MISSING = auto()  # FreeSWITCH could not open the file
    NEVER_STARTED = auto()  # no PLAYBACK_START within the limit, and nobody had cancelled it


_STATE = PlaybackState
FINAL: Final = frozenset({_STATE.FINISHED, _STATE.INTERRUPTED, _STATE.MISSING, _STATE.NEVER_STARTED})

#: What follows when PLAYBACK_START comes, and PLAYBACK_STOP with `break` or with `done`.
_ON_START: Final = MappingProxyType({_STATE.REQUESTED: _STATE.PLAYING, _STATE.CANCELLED: _STATE.BREAKING})
_ON_BREAK: Final = MappingProxyType({_STATE.REQUESTED: _STATE.CANCELLED, _STATE.PLAYING: _STATE.BREAKING})
_ON_STOP: Final = MappingProxyType(
    {
        (_STATE.PLAYING, False): _STATE.FINISHED,
        (_STATE.BREAKING, False): _STATE.FINISHED,  # the file ended before the break took effect
        (_STATE.PLAYING, True): _STATE.INTERRUPTED,  # by somebody else: an operator, a DTMF terminator
        (_STATE.BREAKING, True): _STATE.INTERRUPTED,
    }
)


class Playback:
    """The life of one prompt. Every method that says True wants `uuid_break` sent now.

    `length_s` is how much of the file is to be played; `now` is any clock in seconds, the same in all calls.
    """

    def __init__(self, length_s: float, now: float) -> None:
        self.state = _STATE.REQUESTED
        self.started_at: float | None = None
        self.ended_at: float | None = None
        self.breaks_sent = 0
        self._length_s = length_s
        self._deadline = now + START_LIMIT_S

    @property
    def over(self) -> bool:
        return self.state in FINAL

    @property
    def audible(self) -> bool:
        """Between PLAYBACK_START and PLAYBACK_STOP."""
        return self.state in (_STATE.PLAYING, _STATE.BREAKING)

    def played_s(self, now: float) -> float:
        """How much of it has been played until `now`, in seconds of sound."""
        if self.started_at is None:
            return 0.0
        if self.state is _STATE.FINISHED:
            return self._length_s
        until = now if self.ended_at is None else min(now, self.ended_at)
        return min(max(until - self.started_at, 0.0), self._length_s)

    def deadline(self) -> float:
        """When `expired` wants to be called, should nothing have happened until then."""
        return self._deadline

    def postpone(self, until: float) -> None:
        """Nothing can be heard of it for a while: wait at least until then."""
        self._deadline = max(self._deadline, until)

    def stop(self, now: float) -> bool:
        """The prompt is to be silent. True the first time."""
        if self.state not in _ON_BREAK:
            return False
        self.state = _ON_BREAK[self.state]
        return self._break(now)

    def on_started(self, now: float) -> bool:
        """PLAYBACK_START. True when the prompt was cancelled: that break was lost."""
        if self.state not in _ON_START:
            return False
        self.state = _ON_START[self.state]
        self.started_at = now
        self._deadline = now + self._length_s + OVERTIME_S
        return self._break(now) if self.state is _STATE.BREAKING else False

    def on_stopped(self, now: float, *, broken: bool) -> None:
        """PLAYBACK_STOP; `broken`: its Playback-Status is `break`."""
        following = _ON_STOP.get((self.state, broken))
        if following is not None:
            self._end(following, now)

    def on_missing(self, now: float) -> None:
        """CHANNEL_EXECUTE_COMPLETE with FILE NOT FOUND."""
        if not self.over:
            self._end(_STATE.MISSING, now)

    def on_events_missed(self, now: float) -> bool:
        """The event socket was away: a PLAYBACK_START may have gone unseen. True: send the break again.

        What was asked for is taken to play; should it have ended meanwhile, its deadline ends it.
        """
        return self.on_started(now)

    def on_dropped(self, now: float) -> None:
        """It was cancelled, and is known not to have begun: nothing of it is heard any more."""
        if self.state is _STATE.CANCELLED:
            self._end(_STATE.INTERRUPTED, now)

    def on_gone(self, now: float) -> None:
        """The channel hung up: what played has ended, what had not started never will."""
        if self.audible:
            self._end(_STATE.INTERRUPTED, now)
        elif not self.over:
            self._end(_STATE.NEVER_STARTED, now)

    def expired(self, now: float) -> bool:
        """The deadline passed without an event. True: send the break again."""
        if self.over or now < self._deadline:
            return False
        if self.state is _STATE.BREAKING and self._within_overtime(now):
            return self._break(now)
        ends = {
            _STATE.REQUESTED: _STATE.NEVER_STARTED,
            _STATE.CANCELLED: _STATE.INTERRUPTED,
            _STATE.PLAYING: _STATE.FINISHED,
            _STATE.BREAKING: _STATE.INTERRUPTED,
        }
        self._end(ends[self.state], now)
        return False

    def _within_overtime(self, now: float) -> bool:
        assert self.started_at is not None
        return now < self.started_at + self._length_s + OVERTIME_S

    def _break(self, now: float) -> bool:
        self.breaks_sent += 1
        self._deadline = now + (BREAK_LIMIT_S if self.state is _STATE.BREAKING else CANCELLED_LIMIT_S)
        return True

    def _end(self, state: PlaybackState, now: float) -> None:
        self.state = state
        self.ended_at = now
