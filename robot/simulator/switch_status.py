"""The api commands that only say how the switch is: its calls, gateways, modules, clock. Exact answers, no change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from robot.simulator import channel_headers
from robot.simulator.channel import Channel
from robot.simulator.events import VERSION

if TYPE_CHECKING:
    from robot.simulator.freeswitch import SimulatedFreeSwitch

# As in a FreeSWITCH that was made for the robot.
_MODULES: Final = frozenset(
    {
        "mod_audio_stream", "mod_commands", "mod_dptools", "mod_event_socket", "mod_loopback", "mod_sndfile",
        "mod_sofia", "mod_tone_stream",
    }
)  # fmt: skip


class SwitchStatus:
    """Each method takes what stands behind the command's name."""

    def __init__(self, switch: SimulatedFreeSwitch) -> None:
        self._switch = switch

    def show(self, text: str) -> str:
        words = text.split()
        if words[:1] == ["channels"] and words[1:] == ["as", "json"]:
            rows = [self._row(channel) for channel in self._switch.channels.values()]
            if not rows:
                return '{"row_count": 0}\n'
            return json.dumps({"row_count": len(rows), "rows": rows}, separators=(",", ":"))
        if words[:1] == ["channels"] and words[1:] in ([], ["count"]):
            return f"\n{len(self._switch.channels)} total.\n"
        return "-USAGE: channels [count|as json]\n"

    def _row(self, channel: Channel) -> dict[str, str]:
        variables = channel.variables
        return {
            "uuid": channel.uuid,
            "direction": channel.direction,
            "created": channel_headers.stamp(channel.times["Created"]),
            "created_epoch": str(channel.times["Created"] // 1_000_000),
            "name": channel.name,
            "state": f"CS_{channel.state.name}",
            "cid_name": channel.caller[0],
            "cid_num": channel.caller[1],
            "ip_addr": "127.0.0.1",
            "dest": channel.number,
            "application": variables.get("current_application", ""),
            "application_data": variables.get("current_application_data", ""),
            "dialplan": "",
            "context": "default",
            "read_codec": "PCMU",
            "read_rate": "8000",
            "read_bit_rate": "64000",
            "write_codec": "PCMU",
            "write_rate": "8000",
            "write_bit_rate": "64000",
            "secure": "",
            "hostname": "simulator",
            "presence_id": "",
            "presence_data": "",
            "accountcode": "",
            "callstate": channel.call_state,
            "callee_name": channel.number,
            "callee_num": channel.number,
            "callee_direction": "",
            "call_uuid": channel.uuid,
            "sent_callee_name": "",
            "sent_callee_num": "",
            "initial_cid_name": channel.caller[0],
            "initial_cid_num": channel.caller[1],
            "initial_ip_addr": "",
            "initial_dest": channel.number,
            "initial_dialplan": "",
            "initial_context": "default",
        }

    def status(self, _text: str) -> str:
        up_ms = int(self._switch.timeline.now_ms)
        return (
            f"{uptime(up_ms)}\n"
            f"FreeSWITCH (Version {VERSION} 64bit) is ready\n"
            f"{self._switch.sessions} session(s) since startup\n"
            f"{len(self._switch.channels)} session(s) - peak {self._switch.peak}, last 5min {self._switch.peak} \n"
            f"0 session(s) per Sec out of max {self._switch.settings.sessions_per_second}, peak {self._switch.peak}, "
            f"last 5min {self._switch.peak} \n"
            f"{self._switch.settings.max_sessions} session(s) max\n"
            "min idle cpu 0.00/100.00\n"
            "Current Stack Size/Max 240K/8192K\n"
        )

    def version(self, _text: str) -> str:
        return f"FreeSWITCH Version {VERSION} (64bit)\n"

    def module_exists(self, name: str) -> str:
        if not name:
            return "-ERR no reply\n"
        settings = self._switch.settings
        missing = settings.modules_missing | (frozenset() if settings.audio_stream else {"mod_audio_stream"})
        return "true" if name in _MODULES - missing else "false"

    def strepoch(self, date: str) -> str:
        """A date is not understood here, and answered as FreeSWITCH answers one that it does not understand."""
        now_s = self._switch.bus.now_us / 1_000_000 + self._switch.settings.clock_ahead_s
        return "0" if date else str(int(now_s))

    def sofia(self, text: str) -> str:
        words = text.split()
        if words == ["xmlstatus", "gateway"]:
            return self._gateways_as_xml()
        if words[:2] != ["status", "gateway"] or len(words) != 3:
            return "-USAGE: sofia status gateway NAME\n"
        name = words[2]
        if name not in self._switch.settings.gateways:
            return "Invalid Gateway!\n"
        down = name in self._switch.gateways_down
        line = "=" * 97
        values = {
            "Name": name,
            "Profile": "internal",
            "Scheme": "Digest",
            "Realm": "127.0.0.1:5080",
            "Username": "simulator",
            "Password": "yes",
            "From": "<sip:simulator@127.0.0.1:5080>",
            "Contact": f"<sip:gw+{name}@127.0.0.1:5060;transport=udp;gw={name}>",
            "Exten": "simulator",
            "To": "sip:simulator@127.0.0.1:5080",
            "Proxy": "sip:127.0.0.1:5080",
            "Context": "default",
            "Expires": "3600",
            "Freq": "3600",
            "Ping": "0",
            "PingFreq": "0",
            "PingTime": "0.00",
            "PingState": "0/0/0",
            "State": "NOREG",
            "Status": "DOWN" if down else "UP",
            "Uptime": f"{int(self._switch.timeline.now_ms) // 1000}s",
            "CallsIN": "0",
            "CallsOUT": "0",
            "FailedCallsIN": "0",
            "FailedCallsOUT": "0",
        }
        return "\n".join([line, *(f"{key:<8}\t{value}" for key, value in values.items()), line, ""])

    def _gateways_as_xml(self) -> str:
        gateways = "".join(
            f"  <gateway>\n    <name>{name}</name>\n    <profile>internal</profile>\n    <state>NOREG</state>\n"
            f"    <status>{'DOWN' if name in self._switch.gateways_down else 'UP'}</status>\n  </gateway>\n"
            for name in self._switch.settings.gateways
        )
        return f'<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n{gateways}</gateways>\n\n'

    def global_getvar(self, name: str) -> str:
        variables = {"hostname": "simulator", "local_ip_v4": "127.0.0.1", "core_uuid": self._switch.bus.core_uuid}
        return variables.get(name, "")


def uptime(ms: int) -> str:
    """The first line of `status`."""
    seconds, milliseconds = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = {"year": 0, "day": days, "hour": hours, "minute": minutes, "second": seconds}
    parts |= {"millisecond": milliseconds, "microsecond": 0}
    return "UP " + ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in parts.items())
