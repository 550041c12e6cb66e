"""Which reply answers which command on one connection: pure, no I/O, no clock.

FreeSWITCH answers commands in the order in which they were sent and names none of them in its replies. So the order is
all there is: a command that nobody waits for any more (its time was over, its task cancelled) keeps its place as a
tombstone, and its late reply goes to nobody.

    submit ──▶ NOT_SENT ──wrote──▶ UNCONFIRMED ──replied──▶ settled
                  │                     │           └─(background job)─▶ ACCEPTED ──job_done──▶ settled
                  └──────────────────── abandon, lost: over, at the stage where it was

A background job is answered twice: by a reply that it was begun, and by a BACKGROUND_JOB event, which is matched by a
Job-UUID of our own choosing and may therefore come first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from robot.esl.errors import CommandStage
from robot.esl.frames import FrameError

# A call has about five commands under way at the most; FreeSWITCH's default limit is 1,000 sessions.
MAX_PENDING: Final = 5_000


class OutOfStep(FrameError):
    """A reply came that answers no command: which reply belongs to which is lost, and the connection of no use."""


class Full(Exception):
    """As many commands wait for their reply as the limit allows; the message says how many."""


@dataclass(slots=True, eq=False)
class _Entry:
    ticket: int
    job_uuid: str | None
    stage: CommandStage = CommandStage.NOT_SENT
    sent_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Settled:
    """The command `ticket` has its answer: `text`, at `at`; it was written at `sent_at` (any clock, in seconds)."""

    ticket: int
    text: str
    sent_at: float
    at: float


class Exchange:
    """The commands of one connection. A ticket stands for one command; tickets only grow."""

    def __init__(self, max_pending: int = MAX_PENDING) -> None:
        self._max_pending = max_pending
        self._next_ticket = 1
        self._unsent: deque[_Entry] = deque()
        self._unanswered: deque[_Entry] = deque()  # in the order of their replies, tombstones included
        self._jobs: dict[str, _Entry] = {}
        self._waited_for: dict[int, _Entry] = {}  # all but tombstones

    def __len__(self) -> int:
        """How many commands somebody waits for."""
        return len(self._waited_for)

    def submit(self, job_uuid: str | None = None) -> int:
        """A command is about to be sent; `job_uuid` makes it a background job. Raises Full."""
        if len(self._unsent) + len(self._unanswered) + len(self._jobs) >= self._max_pending:
            raise Full(f"{self._max_pending} commands are unanswered")
        entry = _Entry(self._next_ticket, job_uuid)
        self._next_ticket += 1
        self._unsent.append(entry)
        self._waited_for[entry.ticket] = entry
        if job_uuid is not None:
            self._jobs[job_uuid] = entry
        return entry.ticket

    def wrote(self, through: int, at: float) -> None:
        """Every command up to ticket `through` is on the wire since `at`."""
        while self._unsent and self._unsent[0].ticket <= through:
            self._sent(at)

    def replied(self, text: str, at: float, job_uuid: str | None = None) -> Settled | None:
        """The next reply; `job_uuid` is its Job-UUID header. None when nobody waits for it, or for more to come.

        Raises OutOfStep when it answers nothing.
        """
        if not self._unanswered:
            if not self._unsent:
                raise OutOfStep("FreeSWITCH sent a reply to no command")
            self._sent(at)  # its reply proves that it was written: the report of that is still on its way
        entry = self._unanswered.popleft()
        if entry.job_uuid is None or text.startswith("-"):
            return self._settle(entry, text, at)
        if entry.ticket in self._waited_for:
            entry.stage = CommandStage.ACCEPTED
            if job_uuid and job_uuid != entry.job_uuid:  # a FreeSWITCH that does not take our Job-UUID
                del self._jobs[entry.job_uuid]
                entry.job_uuid = job_uuid
                self._jobs[job_uuid] = entry
        return None

    def job_done(self, job_uuid: str, text: str, at: float) -> Settled | None:
        """A BACKGROUND_JOB event. None when it is nobody's here: another client's, or an abandoned job's."""
        entry = self._jobs.get(job_uuid)
        if entry is None:
            return None
        if entry.stage is CommandStage.NOT_SENT:
            self.wrote(entry.ticket, at)
        return self._settle(entry, text, at)

    def abandon(self, ticket: int, *, withdrawn: bool = False) -> CommandStage:
        """Nobody waits for `ticket` any more. `withdrawn`: it was taken back before it was written.

        Not withdrawn means that it may be written at any moment, so what is not known to be sent is UNCONFIRMED.
        Raises KeyError when it was settled or abandoned before.
        """
        entry = self._forget(self._waited_for[ticket])
        if withdrawn:
            self._unsent.remove(entry)
            return CommandStage.NOT_SENT
        return CommandStage.UNCONFIRMED if entry.stage is CommandStage.NOT_SENT else entry.stage

    def lost(self) -> list[tuple[int, CommandStage]]:
        """The connection is gone: everything that is waited for, with its stage. The next connection starts empty.

        All `wrote` of the connection must have been told before.
        """
        over = [(entry.ticket, entry.stage) for entry in self._waited_for.values()]
        for memory in (self._unsent, self._unanswered, self._jobs, self._waited_for):
            memory.clear()
        return over

    def _sent(self, at: float) -> None:
        entry = self._unsent.popleft()
        entry.sent_at = at
        entry.stage = CommandStage.UNCONFIRMED
        self._unanswered.append(entry)

    def _settle(self, entry: _Entry, text: str, at: float) -> Settled | None:
        if entry.ticket not in self._waited_for:
            return None
        self._forget(entry)
        return Settled(entry.ticket, text, entry.sent_at, at)

    def _forget(self, entry: _Entry) -> _Entry:
        if entry.job_uuid is not None:
            del self._jobs[entry.job_uuid]
        return self._waited_for.pop(entry.ticket)
