"""What can go wrong with FreeSWITCH's Event Socket, as a small tree whose messages say what to do.

EventSocketError
├── CannotConnect           no usable connection could be made
│   ├── WrongPassword       FreeSWITCH refused the password
│   └── NotAllowed          FreeSWITCH's access list refused our address
├── CannotListen            no port for calls that come in
├── CommandFailed           a command has no good answer; `stage` says how far it came
│   ├── CommandRefused      FreeSWITCH answered -ERR or -USAGE
│   ├── ConnectionLost      the connection ended before the answer
│   ├── CommandTimeout      the answer took too long
│   └── TooManyCommands     more commands are unanswered than the limit allows: not sent
├── BadArgument             an argument that could do something else in FreeSWITCH than what is meant: nothing was sent
├── MalformedEvent          an event without what its kind always has
├── EventsOverflowed        a reader of events fell too far behind
└── FrameError              (robot.esl.frames) what arrives is not the Event Socket protocol
    └── TruncatedFrame
"""

from __future__ import annotations

from enum import Enum, auto


class CommandStage(Enum):
    """How far a command came: whether it may be sent again depends on nothing else."""

    NOT_SENT = auto()  # certainly never reached FreeSWITCH: may be sent again
    UNCONFIRMED = auto()  # on the wire, unanswered: it may have dialled somebody
    ACCEPTED = auto()  # answered; of a background job, that it was begun


class EventSocketError(Exception):
    """Base of all errors of this package."""


class CannotConnect(EventSocketError):
    """FreeSWITCH cannot be reached, or does not talk to us."""

    def __init__(self, host: str, port: int, why: str, advice: str | None = None) -> None:
        self.host, self.port = host, port
        advice = advice or (
            "Is FreeSWITCH running, is mod_event_socket loaded, and do `freeswitch.host` and `freeswitch.port` in "
            "robot.toml (ROBOT_FREESWITCH__HOST, ROBOT_FREESWITCH__PORT) match its event_socket.conf.xml?"
        )
        super().__init__(f"cannot connect to FreeSWITCH's event socket at {host}:{port}: {why}. {advice}")


class WrongPassword(CannotConnect):
    """FreeSWITCH answered `-ERR invalid` to the password."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            "the password is wrong",
            "Set `freeswitch.password` in robot.toml, or ROBOT_FREESWITCH__PASSWORD, to the `password` of FreeSWITCH's "
            "event_socket.conf.xml.",
        )


class NotAllowed(CannotConnect):
    """FreeSWITCH hung up before asking for the password (`text/rude-rejection`)."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host,
            port,
            "its access list refuses this machine",
            "Add this machine's address to the list that `apply-inbound-acl` of FreeSWITCH's event_socket.conf.xml "
            "names, then `reload mod_event_socket`.",
        )


class CannotListen(EventSocketError):
    """The dialplan hook has no port to listen on."""

    def __init__(self, host: str, port: int, why: str) -> None:
        self.host, self.port = host, port
        super().__init__(
            f"cannot listen for incoming calls at {host}:{port}: {why}. Is another robot running here? Otherwise set "
            "`incoming.host` and `incoming.port` in robot.toml, and the same address in the `socket` action of "
            "FreeSWITCH's dialplan."
        )


class CommandFailed(EventSocketError):
    """A command without a good answer. `command` is its name (`uuid_break`), never its arguments."""

    def __init__(self, command: str, stage: CommandStage, message: str) -> None:
        self.command, self.stage = command, stage
        super().__init__(message)


_FATE = {
    CommandStage.NOT_SENT: "it was not sent and may be sent again",
    CommandStage.UNCONFIRMED: "it was sent and may have taken effect: do not send it again blindly",
    CommandStage.ACCEPTED: "FreeSWITCH had accepted it; its result is lost",
}


class ConnectionLost(CommandFailed):
    """The connection to FreeSWITCH ended, or there was none."""

    def __init__(self, command: str, stage: CommandStage, reason: str) -> None:
        self.reason = reason
        super().__init__(command, stage, f"no connection to FreeSWITCH ({reason}) for {command}: {_FATE[stage]}")


class CommandTimeout(CommandFailed):
    """No answer within the time limit; one that comes later goes to nobody."""

    def __init__(self, command: str, stage: CommandStage, timeout_s: float) -> None:
        super().__init__(command, stage, f"FreeSWITCH did not answer {command} within {timeout_s:g} s: {_FATE[stage]}")


class CommandRefused(CommandFailed):
    """FreeSWITCH answered `-ERR ...` or `-USAGE ...`; `reply` is that answer."""

    def __init__(self, command: str, reply: str) -> None:
        self.reply = reply
        advice = ""
        if "Command not found" in reply:
            advice = f" Load the module that brings {command} (modules.conf.xml, or `fs_cli -x 'load MODULE'`)."
        super().__init__(command, CommandStage.ACCEPTED, f"FreeSWITCH refused {command}: {reply}{advice}")

    @property
    def cause(self) -> str:
        """What follows `-ERR `: of a refused originate the hangup cause, such as `USER_BUSY`."""
        return self.reply.removeprefix("-ERR").strip()


class TooManyCommands(CommandFailed):
    """FreeSWITCH does not keep up: fewer calls at a time, or another node."""

    def __init__(self, command: str, limit: int) -> None:
        super().__init__(
            command,
            CommandStage.NOT_SENT,
            f"{limit} commands wait for FreeSWITCH's answer, {command} was not sent: fewer calls at a time, or look "
            "why FreeSWITCH does not answer",
        )


class BadArgument(EventSocketError, ValueError):
    """An argument that is not sent to FreeSWITCH. `argument` names it; the message never repeats its value."""

    def __init__(self, argument: str, why: str) -> None:
        self.argument = argument
        super().__init__(f"{argument} {why}")


class MalformedEvent(EventSocketError):
    """An event without what its kind always has: a FreeSWITCH or module version that this robot does not know."""


class EventsOverflowed(EventSocketError):
    """A reader did not take its events off the queue: events were lost, so what it knows of its call is wrong."""
