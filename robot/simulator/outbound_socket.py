"""The outbound socket: the connection that a dialplan makes to whoever takes its calls (`socket HOST:PORT async full`).

The same commands as on the event socket, without a login, about one channel unless they name another. Nothing comes
before the first command, which is never answered unless it is `connect`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from robot.esl.frames import encode_value
from robot.simulator.event_socket import GOODBYE, Command, Connection
from robot.simulator.events import SimulatedEvent
from robot.simulator.incoming import IncomingChannel

if TYPE_CHECKING:
    from robot.simulator.freeswitch import SimulatedFreeSwitch

# How long `linger` without a number keeps the connection open after the hangup, in seconds.
_LINGER_S: Final = 1


class OutboundSocket(Connection):
    """One channel's connection, from our side of it: FreeSWITCH's."""

    def __init__(
        self,
        switch: SimulatedFreeSwitch,
        channel: IncomingChannel,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        super().__init__(switch, reader, writer)
        self._authenticated = True
        self._channel = channel
        self._answers = False  # the first command has been obeyed
        self._linger_s: int | None = None
        channel.on_over = self._channel_over

    def wants(self, event: SimulatedEvent) -> bool:
        # A connection that lingers keeps its channel from being destroyed until it has ended itself.
        lingers_on = event.name == "CHANNEL_DESTROY" and self._linger_s is not None
        return not lingers_on and super().wants(event)

    def _greet(self) -> None:
        pass

    async def serve(self) -> None:
        await super().serve()
        self._channel.on_over = None
        self._channel.socket_ended()

    async def _obey(self, command: Command) -> bool:
        name, _, arguments = command.line.partition(" ")
        match name.lower():
            case "connect":
                self._answers = True
                self._connect()
            case "linger":
                self._linger_s = int(arguments) if arguments.isascii() and arguments.isdigit() else _LINGER_S
                self._reply(f"+OK will linger {self._linger_s} seconds")
            case "nolinger":
                self._linger_s = None
                self._reply("+OK cancel linger")
            case "myevents" | "sendmsg" if not arguments.strip():
                command.line = f"{name} {self._channel.uuid}"
                return await self._obeyed(command)
            case _:
                return await self._obeyed(command)
        return True

    async def _obeyed(self, command: Command) -> bool:
        goes_on = await super()._obey(command)
        self._answers = True
        return goes_on

    def _connect(self) -> None:
        pairs = [(name, encode_value(value)) for name, value in self._channel.data()]
        pairs += [("Content-Type", "command/reply"), ("Reply-Text", encode_value("+OK\n"))]
        self._write([*pairs, ("Socket-Mode", "async"), ("Control", "full")])
        self._channel.connected()

    def _reply(self, text: str) -> None:
        if self._answers:
            super()._reply(text)
        self._answers = True

    def _channel_over(self) -> None:
        """The channel hung up, and all of its events are told."""
        if self._linger_s is None:
            self.say_goodbye(GOODBYE)
            return
        self._flush()
        self._write([*self._notice("linger"), ("Linger-Time", str(self._linger_s)), ("Content-Length", "0")])
        self._switch.timeline.call_in(self._linger_s * 1000, lambda: self.say_goodbye(GOODBYE))

    def say_goodbye(self, notice: bytes) -> None:
        self._flush()
        self._write(self._notice("disconnect"), notice)
        self.end()

    def _notice(self, disposition: str) -> list[tuple[str, str]]:
        uuid = self._channel.uuid
        kind = ("Content-Type", "text/disconnect-notice")
        return [kind, ("Controlled-Session-UUID", uuid), ("Content-Disposition", disposition)]
