"""What a channel plays, and when: FreeSWITCH's two ways of playing a file, with their delays and their traps. Pure.

A broadcast (`uuid_broadcast`) waits in a queue and starts late; a break in that time answers `+OK` and is lost. An
execution (`sendmsg`, `call-command: execute`) starts after one frame, and inside what is playing unless it is locked.
Times are milliseconds of the simulator's timeline; `tick` is called once each 20 ms.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from robot.simulator.sound import FRAME_MS, Clip, Samples

# FACTS measured on FreeSWITCH 1.11.3-dev: PLAYBACK_START comes 120 ms after uuid_broadcast, 320 ms when the channel
# was parked just before; 100 ms of silence between two files of the queue, about 160 ms after a break of one file;
# an execution starts one frame after its sendmsg. A client sees an event up to one frame after it happened: delays that
# were seen from outside are one frame shorter in here.
BROADCAST_DELAY_MS: Final = 120
BROADCAST_DELAY_AFTER_PARK_MS: Final = 320
JUST_PARKED_MS: Final = 100
QUEUE_GAP_MS: Final = 100
GAP_AFTER_BREAK_MS: Final = 160
EXECUTE_DELAY_MS: Final = 20
# The channel takes up what it is asked for at its next frame. A break before that (with `all`) drops the file without
# any event, played either way; after that and until PLAYBACK_START a break of a broadcast is lost (24 of 24 tries
# between 20 and 100 ms). Measured with breaks 0 to 24 ms after the command, 144 of each kind: up to 8 ms most are
# dropped, from 20 ms on none.


@dataclass(frozen=True, slots=True)
class Piece:
    """What of a sound is on the line in one frame: samples `start` to `stop`, at most 20 ms of them."""

    sound: Samples
    start: int
    stop: int

    @property
    def samples(self) -> Samples:
        return self.sound[self.start : self.stop]


class Status(StrEnum):
    """`Playback-Status`: a hangup says `done` as well."""

    DONE = "done"
    BREAK = "break"


@dataclass(slots=True)
class Execution:
    """One application to run on the channel; `playback` of a file unless `application` says otherwise."""

    application: str
    argument: str
    application_uuid: str
    locked: bool = False  # `event-lock: true`: what comes later waits for its end
    headers: dict[str, str] = field(default_factory=dict)  # of a path `{turn_id=7}/x.wav`
    path: str = ""  # the file, without such headers
    clip: Clip | None = None
    start_sample: int = 0  # of the file, at its own rate (`FILE@@SAMPLE`)
    start: int = 0  # the same in the clip
    position: int = 0  # in the clip: what is before it has been played, but for what is before `start`
    taken_up: bool = False  # a frame has passed since it was asked for
    due_ms: float = 0.0
    broken: bool = False
    is_hangup: bool = False  # `call-command: hangup`, which waits in line like an application

    def begin_at(self, sample: int) -> None:
        """Play from this sample of the file on, counted at the file's rate; from its end, when that is before."""
        self.start_sample = sample
        if self.clip is not None:
            wanted = sample * self.clip.rate // (self.clip.file_rate or self.clip.rate)
            self.start = self.position = min(wanted, len(self.clip.samples))

    @property
    def played(self) -> int:
        """Samples that were on the line."""
        return self.position - self.start


@dataclass(frozen=True, slots=True)
class Began:
    """The application was entered (CHANNEL_EXECUTE)."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Started:
    """Its first sample is on the line (PLAYBACK_START)."""

    execution: Execution


@dataclass(frozen=True, slots=True)
class Stopped:
    """No sample of it is on the line any more (PLAYBACK_STOP)."""

    execution: Execution
    status: Status
    hangup: bool = False


@dataclass(frozen=True, slots=True)
class Completed:
    """The application was left (CHANNEL_EXECUTE_COMPLETE)."""

    execution: Execution
    response: str


Change = Began | Started | Stopped | Completed


class Player:
    """The files of one channel: those that wait, and those that play (one inside the other)."""

    def __init__(self, rate: int, parked_ms: float = float("-inf")) -> None:
        self._frame = rate // 50
        self._parked_ms = parked_ms
        self._broadcasts: deque[Execution] = deque()
        self._executions: deque[Execution] = deque()
        self._playing: list[Execution] = []  # the last is the one that is heard
        self._free_from_ms = float("-inf")  # no broadcast starts before

    @property
    def playing(self) -> bool:
        return bool(self._playing)

    def parked(self, now_ms: float) -> None:
        self._parked_ms = now_ms

    def broadcast(self, execution: Execution, now_ms: float) -> None:
        just_parked = now_ms - self._parked_ms < JUST_PARKED_MS
        delay_ms = BROADCAST_DELAY_AFTER_PARK_MS if just_parked else BROADCAST_DELAY_MS
        execution.due_ms = now_ms + delay_ms - FRAME_MS
        self._broadcasts.append(execution)

    def execute(self, execution: Execution, now_ms: float) -> None:
        execution.due_ms = now_ms + EXECUTE_DELAY_MS - FRAME_MS
        self._executions.append(execution)

    def break_all(self) -> None:
        """`uuid_break U all`: the file that plays and the queue behind it; what has not begun is dropped or not stopped
        at all, see above."""
        self._executions.clear()
        if self._playing:
            self._broadcasts.clear()
        self._drop_what_is_not_taken_up()
        for execution in self._playing:
            execution.broken = True

    def break_one(self) -> None:
        """`uuid_break U`: the file that plays; the next of the queue follows."""
        for execution in self._executions:
            execution.broken = True
        if self._playing:
            self._playing[-1].broken = True
        else:
            self._drop_what_is_not_taken_up()

    def _drop_what_is_not_taken_up(self) -> None:
        self._broadcasts = deque(execution for execution in self._broadcasts if execution.taken_up)

    def tick(self, now_ms: float) -> tuple[list[Change], Piece | None]:
        """What changes in this frame, and what is on the line in it (None: silence)."""
        changes: list[Change] = []
        for execution in self._broadcasts:
            execution.taken_up = True
        self._end_what_is_over(now_ms, changes)
        while self._executions and self._executions[0].due_ms <= now_ms and not self._locked:
            self._begin(self._executions.popleft(), changes)
        if not self._playing and self._broadcasts and self._next_starts_ms <= now_ms:
            self._begin(self._broadcasts.popleft(), changes)
        return changes, self._take_piece()

    @property
    def _next_starts_ms(self) -> float:
        return max(self._broadcasts[0].due_ms, self._free_from_ms)

    @property
    def _locked(self) -> bool:
        return bool(self._playing) and self._playing[-1].locked

    def _begin(self, execution: Execution, changes: list[Change]) -> None:
        changes.append(Began(execution))
        if execution.application != "playback":
            changes.append(Completed(execution, "_none_"))
        elif execution.clip is None:
            changes.append(Completed(execution, "FILE NOT FOUND"))
        else:
            changes.append(Started(execution))
            self._playing.append(execution)

    def _end_what_is_over(self, now_ms: float, changes: list[Change]) -> None:
        while self._playing:
            execution = self._playing[-1]
            assert execution.clip is not None
            over = execution.position >= len(execution.clip.samples)
            if not (over or execution.broken):
                return
            self._playing.pop()
            broken = execution.broken and not over
            changes.append(Stopped(execution, Status.BREAK if broken else Status.DONE))
            changes.append(Completed(execution, "FILE PLAYED"))
            self._free_from_ms = now_ms + (GAP_AFTER_BREAK_MS if broken else QUEUE_GAP_MS)

    def _take_piece(self) -> Piece | None:
        if not self._playing:
            return None
        execution = self._playing[-1]
        assert execution.clip is not None
        start = execution.position
        execution.position = min(start + self._frame, len(execution.clip.samples))
        return Piece(execution.clip.samples, start, execution.position)

    def end(self, *, hangup: bool, tell_waiting: bool = False) -> list[Change]:
        """The channel is gone, or does something else now: what played has stopped, what waited is forgotten.

        tell_waiting: what waited ends with an error, as it does when a channel that was just answered is parked.
        """
        changes: list[Change] = []
        if tell_waiting:
            for execution in (*self._executions, *self._broadcasts):
                changes += [Began(execution), Completed(execution, "PLAYBACK ERROR")]
        for execution in reversed(self._playing):
            changes.append(Stopped(execution, Status.DONE, hangup=hangup))
            changes.append(Completed(execution, "PLAYBACK ERROR"))
        self._playing.clear()
        self._broadcasts.clear()
        self._executions.clear()
        return changes
