"""What a client tells of itself to whoever measures it, on the loop's thread. A watcher is quick and never raises."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Protocol

from robot.esl.errors import CommandFailed, CommandRefused, CommandStage, CommandTimeout


class CommandResult(StrEnum):
    """How a command ended."""

    OK = "ok"
    REFUSED = "refused"  # -ERR or -USAGE
    TIMED_OUT = "timed_out"
    LOST = "lost"  # the connection ended after it was, or may have been, written
    NOT_SENT = "not_sent"
    GIVEN_UP = "given_up"  # by who had sent it


class ClientWatcher(Protocol):
    """command_ended: `command` is its name, never its arguments. to_wire_s: from `send` until it was written, by the
    other thread; None where that is not known.
    handed_over: something came from the other thread, `delay_s` after it had been put in line."""

    def command_ended(self, command: str, result: CommandResult, to_wire_s: float | None) -> None: ...

    def handed_over(self, delay_s: float) -> None: ...


class _Unwatched:
    def command_ended(self, command: str, result: CommandResult, to_wire_s: float | None) -> None:
        pass

    def handed_over(self, delay_s: float) -> None:
        pass


#: Nobody measures.
UNWATCHED: Final = _Unwatched()


def result_of(error: CommandFailed) -> CommandResult:
    if isinstance(error, CommandRefused):
        return CommandResult.REFUSED
    if isinstance(error, CommandTimeout):
        return CommandResult.TIMED_OUT
    return CommandResult.NOT_SENT if error.stage is CommandStage.NOT_SENT else CommandResult.LOST
