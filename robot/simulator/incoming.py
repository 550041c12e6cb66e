"""A call that comes in: the channel whose dialplan runs the application `socket`, and nothing after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from uuid import uuid4

from robot.simulator import channel_headers
from robot.simulator.callees_file import Callee
from robot.simulator.channel import Channel
from robot.simulator.channel_state import ChannelState
from robot.simulator.events import EventBus
from robot.simulator.line import CalleeLine
from robot.simulator.timeline import Timeline

# Between our `connect` and CHANNEL_PARK: the channel's own thread looks for it.
PARK_MS: Final = 2


class IncomingChannel(Channel):
    """The robot's leg of a call that comes in, from the INVITE to CHANNEL_DESTROY; what rings at the caller's end.

    As on a real FreeSWITCH (1.11.3-dev, measured) the application `socket` ends when its connection does, once the
    channel is parked. A connection that ends before that leaves it parked until somebody hangs up.
    """

    direction = "inbound"

    def __init__(
        self,
        *,
        uuid: str,
        caller: str,
        dialled: str,
        callee: Callee,
        line: CalleeLine,
        variables: dict[str, str],
        session: int,
        bus: EventBus,
        timeline: Timeline,
        rate: int,
        mulaw: bool,
        on_destroyed: Callable[[Channel], None],
    ) -> None:
        super().__init__(
            uuid=uuid,
            number=dialled,
            gateway="",
            name=f"sofia/internal/{caller}@127.0.0.1",
            callee=callee,
            line=line,
            variables={},
            session=session,
            bus=bus,
            timeline=timeline,
            rate=rate,
            mulaw=mulaw,
            on_destroyed=on_destroyed,
        )
        self.variables = channel_headers.incoming_variables(uuid, caller, dialled, session, self._port) | variables
        self.name = self.variables["channel_name"]
        self.caller = (caller, caller)
        self.parked = False
        self.on_over: Callable[[], None] | None = None  # the outbound socket, which ends with the channel
        self._socket_uuid = str(uuid4())
        self._socket_data = ""
        self._socket_ended = False
        self._socket_ever = True

    # The dialplan

    def run_dialplan(self, host: str, port: int) -> None:
        """The INVITE is there: CHANNEL_CREATE, then `socket`."""
        self.emit("CHANNEL_CREATE")
        self._enter(ChannelState.EXECUTE)
        self.call_state = "RINGING"
        self._socket_data = f"{host}:{port} async full"
        self.variables |= {
            "socket_host": host,
            "current_application_data": self._socket_data,
            "current_application": "socket",
        }
        self.emit("CHANNEL_EXECUTE", self._socket_headers())
        if self.callee.answer == "no_answer":  # of a caller: he does not wait
            self._timeline.call_in(self.callee.rings_ms, self._give_up)

    def connected(self) -> None:
        """The other end of the socket said `connect`."""
        self._timeline.call_in(PARK_MS, self._park)

    def socket_ended(self) -> None:
        """The connection is closed: as soon as nothing plays, the dialplan goes on."""
        if self.parked:
            self._socket_ended = True
        else:
            self._park()  # and nobody will end that any more

    def nobody_listens(self) -> None:
        """`socket` is over at once, without a park."""
        if self.alive:
            self._socket_ever = False
            self._end_dialplan()

    def _park(self) -> None:
        if self.alive and not self.parked:
            self.parked = True
            self.emit("CHANNEL_PARK")
            self.player.parked(self._timeline.now_ms)

    def _end_dialplan(self) -> None:
        self._leave_application()
        self.hang_up("NORMAL_CLEARING")

    def _give_up(self) -> None:
        if self.alive and not self.answered:
            self.hang_up("ORIGINATOR_CANCEL", by_callee=True)

    # What differs from a call that was originated

    @property
    def ticks(self) -> bool:
        return self.alive and (self.parked or self.answered)

    def tick(self) -> None:
        super().tick()
        if self._socket_ended and self.alive and self.bridge is None and not self.player.playing:
            self._end_dialplan()

    def answer(self) -> None:
        super().answer()
        self.call_state = "ACTIVE"

    def emit_unpark(self) -> None:
        """At the end of `socket`."""

    def _leave_application(self) -> None:
        if self._left:
            return
        self._left = True
        if self._socket_ever:
            if not self.parked:
                self.emit("CHANNEL_PARK")
            self.emit("CHANNEL_UNPARK")
        response = ("Application-Response", self.variables.get("current_application_response", "_none_"))
        self.emit("CHANNEL_EXECUTE_COMPLETE", self._socket_headers(response))

    def _socket_headers(self, *more: tuple[str, str]) -> list[tuple[str, str]]:
        data = ("Application-Data", self._socket_data)
        return [("Application", "socket"), data, *more, ("Application-UUID", self._socket_uuid)]

    def _report(self) -> None:
        super()._report()
        if self.state is ChannelState.DESTROY and self.on_over is not None:
            self.on_over()

    def _caller_headers(self) -> list[tuple[str, str]]:
        return self.profile_headers("Caller")

    def profile_headers(self, prefix: str) -> list[tuple[str, str]]:
        return channel_headers.incoming_caller_headers(
            self.uuid, self.number, caller=self.caller, channel_name=self.name, times=self.times, prefix=prefix
        )

    def data(self) -> list[tuple[str, str]]:
        """Everything about the channel, as the reply to `connect` tells it."""
        return [*self._bus.common("CHANNEL_DATA"), *self.profile_headers("Channel"), *self._headers()]
