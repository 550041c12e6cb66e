"""`originate`: its endpoints one after the other or at once, and what happens between the INVITE and the answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from robot.simulator.callees_file import find_callee
from robot.simulator.channel import Channel
from robot.simulator.dial_string import BadDialString, DialString, parse_endpoint
from robot.simulator.sound import FRAME_MS
from robot.simulator.timeline import Timeline

if TYPE_CHECKING:
    from robot.simulator.freeswitch import SimulatedFreeSwitch

# Between the answer and the application, park: 0 to 20 ms by FreeSWITCH's own clock, which ticks each 20 ms.
PARK_MS: Final = 5

# What a callee's `answer` makes of the call; NO_ROUTE_DESTINATION is what a 404 was measured as.
REFUSALS: Final = {
    "busy": "USER_BUSY",
    "reject": "CALL_REJECTED",
    "unallocated": "NO_ROUTE_DESTINATION",
    "gateway_down": "NORMAL_TEMPORARY_FAILURE",
}


class Originate:
    """One `originate`: its groups one after the other, the endpoints of a group at once; the first to answer wins."""

    def __init__(self, switch: SimulatedFreeSwitch, dial_string: DialString, tell: Callable[[str], None]) -> None:
        self._switch = switch
        self._dial_string = dial_string
        self._tell = tell
        self._groups = list(dial_string.groups)
        self._ringing: list[Channel] = []
        self._uuid: str | None = dial_string.variables.get("origination_uuid")
        self._answered = False

    def next_group(self) -> None:
        endpoints = self._groups.pop(0)
        cause = "NORMAL_CLEARING"
        started: list[Channel] = []
        for text in endpoints:
            uuid, self._uuid = self._uuid or str(uuid4()), None
            try:
                started.append(self._channel(text, uuid))
            except BadDialString as error:
                cause = str(error)
        self._ringing = list(started)
        if not started:
            self._failed(cause)
        for channel in started:
            Dialling(
                channel,
                self._switch.timeline,
                timeout_s=self._dial_string.timeout_s,
                gateway_down=channel.gateway in self._switch.gateways_down,
                on_answer=self._won,
                on_unanswered=partial(self._lost, channel),
            )

    def _channel(self, text: str, uuid: str) -> Channel:
        endpoint = parse_endpoint(text)
        if uuid in self._switch.channels:
            raise BadDialString("DESTINATION_OUT_OF_ORDER")
        if endpoint.tone_ms is not None:
            if "mod_loopback" in self._switch.settings.modules_missing:
                raise BadDialString("CHAN_NOT_IMPLEMENTED")
        elif endpoint.extension:
            # `+1000` is a telephone number, and nobody of the house.
            house = (callee for callee in self._switch.callees if not callee.number.startswith("+"))
            if find_callee(house, endpoint.number) is None:
                raise BadDialString("SUBSCRIBER_ABSENT")
        elif endpoint.gateway not in self._switch.settings.gateways:
            self._refuse_gateway(uuid)
            raise BadDialString("INVALID_GATEWAY")
        return self._switch.new_channel(endpoint, uuid, dict(self._dial_string.variables))

    def _refuse_gateway(self, uuid: str) -> None:
        """A lone CHANNEL_DESTROY of a channel that never had a name or our variables."""
        self._switch.sessions += 1
        variables = {"direction": "outbound", "is_outbound": "true", "uuid": uuid, "call_uuid": uuid}
        variables["session_id"] = str(self._switch.sessions)
        self._switch.bus.publish(
            "CHANNEL_DESTROY",
            [
                ("Channel-State", "CS_NONE"),
                ("Channel-Call-State", "DOWN"),
                ("Channel-State-Number", "0"),
                ("Channel-Name", "N/A"),
                ("Unique-ID", uuid),
                ("Call-Direction", "outbound"),
                ("Presence-Call-Direction", "outbound"),
                ("Channel-HIT-Dialplan", "false"),
                ("Channel-Call-UUID", uuid),
                ("Answer-State", "ringing"),
                *((f"variable_{name}", value) for name, value in variables.items()),
            ],
        )

    def _won(self, channel: Channel) -> None:
        self._answered = True
        for other in self._ringing:
            if other is not channel:
                other.hang_up("LOSE_RACE")
        self._tell(f"+OK {channel.uuid}\n")
        channel.park()
        if self._dial_string.application != "park":
            channel.execute(self._dial_string.application, self._dial_string.argument, locked=False)

    def _lost(self, channel: Channel, cause: str) -> None:
        self._ringing.remove(channel)
        if not self._ringing and not self._answered:
            self._failed(cause)

    def _failed(self, cause: str) -> None:
        if self._groups:
            self.next_group()
        else:
            self._tell(f"-ERR {cause}\n")


class Dialling:
    """One channel from INVITE to answer or refusal; tells `on_answer` or (through the channel) `on_unanswered`."""

    def __init__(
        self,
        channel: Channel,
        timeline: Timeline,
        *,
        timeout_s: float,
        gateway_down: bool,
        on_answer: Callable[[Channel], None],
        on_unanswered: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._timeline = timeline
        self._on_answer = on_answer
        self._gateway_down = gateway_down
        channel.on_unanswered = on_unanswered
        channel.created()
        timeline.call_in(FRAME_MS, self._invited)
        timeline.call_in(timeout_s * 1000, self._timed_out)

    @property
    def _over(self) -> bool:
        return not self._channel.alive or self._channel.answered

    def _invited(self) -> None:
        """The gateway's first answer, one frame after the INVITE on a local network."""
        if self._over:
            return
        channel, callee = self._channel, self._channel.callee
        channel.invited()
        if self._gateway_down:
            channel.hang_up(REFUSALS["gateway_down"], by_callee=True)
            return
        rings = callee.rings_ms or callee.answer == "no_answer"
        if rings and callee.answer != "gateway_down":
            channel.progressed(early_media=callee.early_media)
        if callee.answer == "no_answer":
            return
        if rings:
            self._timeline.call_in(callee.rings_ms, self._decided)
        else:
            self._decided()

    def _decided(self) -> None:
        if self._over:
            return
        refusal = REFUSALS.get(self._channel.callee.answer)
        if refusal is not None:
            self._channel.hang_up(refusal, by_callee=True)
            return
        self._channel.answer()
        self._timeline.call_in(PARK_MS, self._connected)

    def _connected(self) -> None:
        if self._channel.alive:
            self._channel.on_unanswered = None
            self._on_answer(self._channel)

    def _timed_out(self) -> None:
        if not self._over:
            self._channel.hang_up("NO_ANSWER", job_first=True)
