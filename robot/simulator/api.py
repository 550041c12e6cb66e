"""The api commands: their arguments, their exact answers. What they do to calls is done by the channels.

Those that only say how the switch is are in `switch_status`.
"""

from __future__ import annotations

import asyncio
import json
import re
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final

from robot.simulator.audio_stream import AudioStream, FramePacker, StreamRequest
from robot.simulator.bridge import Bridge
from robot.simulator.channel import MEDIA_BUG, Channel
from robot.simulator.dial_string import split_arguments
from robot.simulator.keys import KEY_MS
from robot.simulator.switch_status import SwitchStatus

if TYPE_CHECKING:
    from robot.simulator.freeswitch import SimulatedFreeSwitch

Answer = str | Awaitable[str]

OK: Final = "+OK\n"
SUCCESS: Final = "+OK Success\n"
FAILED: Final = "-ERR Operation Failed\n"
NO_CHANNEL: Final = "-ERR No such channel!\n"
STREAM_USAGE: Final = (
    "-USAGE: <uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] "
    "[wss-url | path] [mono | mixed | stereo] [8000 | 16000] [metadata]\n"
)
ORIGINATE_USAGE: Final = (
    "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] "
    "[<timeout_sec>]\n"
)


class Api:
    """Runs one api command after the other for anybody's connection."""

    def __init__(self, switch: SimulatedFreeSwitch) -> None:
        self._switch = switch
        status = SwitchStatus(switch)
        self._commands: dict[str, Callable[[str], Answer]] = {
            "create_uuid": lambda _: str(uuid.uuid4()),
            "fsctl": self._fsctl,
            "global_getvar": status.global_getvar,
            "module_exists": status.module_exists,
            "originate": self._originate,
            "sched_del": self._sched_del,
            "sched_hangup": self._sched_hangup,
            "show": status.show,
            "sofia": status.sofia,
            "status": status.status,
            "strepoch": status.strepoch,
            "uuid_answer": self._uuid_answer,
            "uuid_audio_stream": self._uuid_audio_stream,
            "uuid_break": self._uuid_break,
            "uuid_bridge": self._uuid_bridge,
            "uuid_broadcast": self._uuid_broadcast,
            "uuid_exists": lambda text: "true" if self._channel(text) else "false",
            "uuid_getvar": self._uuid_getvar,
            "uuid_kill": self._uuid_kill,
            "uuid_record": self._uuid_record,
            "uuid_send_dtmf": self._uuid_send_dtmf,
            "uuid_setvar": self._uuid_setvar,
            "uuid_setvar_multi": self._uuid_setvar_multi,
            "version": status.version,
        }

    def run(self, line: str) -> Answer:
        """The answer to `name arguments`; what takes its time answers later."""
        name, _, arguments = line.strip().partition(" ")
        command = self._commands.get(name)
        if command is None or (name == "uuid_audio_stream" and not self._switch.settings.audio_stream):
            return f"-ERR {name} Command not found!\n"
        return command(arguments.strip())

    def _channel(self, text: str) -> Channel | None:
        return self._switch.channels.get(text.partition(" ")[0])

    def _originate(self, text: str) -> Answer:
        if not text:
            return ORIGINATE_USAGE
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._switch.originate(text, lambda result: settle(answer, result))
        return answer.result() if answer.done() else answer

    def _uuid_kill(self, text: str) -> str:
        parts = text.split()
        if not parts:
            return "-USAGE: <uuid> [cause]\n"
        channel = self._channel(parts[0])
        if channel is None:
            return NO_CHANNEL
        channel.hang_up(parts[1] if len(parts) > 1 else "NORMAL_CLEARING")
        return OK

    def _sched_hangup(self, text: str) -> str:
        parts = text.split()
        if len(parts) < 2 or not parts[0].lstrip("+").isdigit():
            return "-USAGE: [+]<time> <uuid> [<cause>]\n"
        channel = self._channel(parts[1])
        if channel is None:
            return NO_CHANNEL
        seconds = int(parts[0].lstrip("+")) - (0 if parts[0].startswith("+") else self._switch.bus.now_us // 1_000_000)
        cause = parts[2] if len(parts) > 2 else "ALLOTTED_TIMEOUT"
        timer = self._switch.timeline.call_in(max(0, seconds) * 1000, lambda: channel.hang_up(cause))
        channel.hangups_to_come.append(timer)
        return OK

    def _sched_del(self, text: str) -> str:
        """A channel's uuid is the name of its group of tasks; their numbers are not known here."""
        channel = self._channel(text)
        timers = [] if channel is None else channel.hangups_to_come
        for timer in timers:
            timer.cancel()
        deleted = len(timers)
        timers.clear()
        return f"+OK Deleted: {deleted}\n"

    def _uuid_bridge(self, text: str) -> str:
        parts = text.split()
        if len(parts) < 2:
            return "-USAGE: <uuid> <other_uuid>\n"
        first, second = (self._switch.channels.get(part) for part in parts[:2])
        if first is None or second is None or not (first.alive and second.alive and first.answered):
            return "-ERR Invalid uuid\n"
        Bridge(first, second, self._switch.timeline)
        return f"+OK {second.uuid}\n"

    def _uuid_send_dtmf(self, text: str) -> str:
        uuid_text, _, keys = text.partition(" ")
        if not keys:
            return "-USAGE: <uuid> <dtmf_data>\n"
        channel = self._channel(uuid_text)
        if channel is None:
            return "-ERR Cannot locate session!\n"
        found = re.fullmatch(r"([0-9A-D*#wW]+)(?:@(\d+))?", keys)
        if found is None:
            return "-ERR Operation failed\n"
        channel.send_dtmf(found[1], KEY_MS if found[2] is None else int(found[2]))
        return f"+OK {channel.uuid} sent DTMF {keys}.\n"

    def _uuid_break(self, text: str) -> str:
        parts = text.split()
        if not parts:
            return "-USAGE: <uuid> [all]\n"
        channel = self._channel(parts[0])
        if channel is None:
            return NO_CHANNEL
        if parts[1:] == ["all"]:
            channel.player.break_all()
        else:
            channel.player.break_one()
        return OK

    def _uuid_broadcast(self, text: str) -> str:
        parts = split_arguments(text)
        if len(parts) < 2:
            return "-USAGE: <uuid> <path> [aleg|bleg|holdb|both]\n"
        channel = self._channel(parts[0])
        if channel is None:
            return "-ERR invalid uuid\n"
        # An unquoted space in the path: the rest of it is taken for the leg, and nothing is ever played.
        if len(parts) == 2 or (len(parts) == 3 and parts[2] in {"aleg", "bleg", "holdb", "both"}):
            channel.broadcast(parts[1].removeprefix("'").removesuffix("'"))
        return "+OK Message sent\n"

    def _uuid_record(self, text: str) -> str:
        parts = text.split(" ", 2)
        if len(parts) < 3 or parts[1] not in ("start", "stop"):
            return "-USAGE: <uuid> [start|stop|mask|unmask] <path> [<limit>] [<recording_vars>]\n"
        channel = self._channel(parts[0])
        if channel is None:
            return "-ERR Cannot locate session!\n"
        if parts[1] == "start":
            return SUCCESS if channel.record(parts[2]) else "-ERR Cannot record session!\n"
        return SUCCESS if channel.stop_recording(parts[2]) else "-ERR Cannot stop record session!\n"

    def _uuid_getvar(self, text: str) -> str:
        parts = text.split()
        if len(parts) < 2:
            return "-USAGE: <uuid> <var>\n"
        channel = self._channel(parts[0])
        return NO_CHANNEL if channel is None else channel.variables.get(parts[1], "_undef_")

    def _uuid_setvar(self, text: str) -> str:
        parts = text.split(" ", 2)
        if len(parts) < 2:
            return "-USAGE: <uuid> <var> [value]\n"
        channel = self._channel(parts[0])
        if channel is None:
            return NO_CHANNEL
        if len(parts) > 2:
            channel.variables[parts[1]] = parts[2]
        else:
            channel.variables.pop(parts[1], None)
        return OK

    def _uuid_setvar_multi(self, text: str) -> str:
        usage = "-USAGE: <uuid> <var>=<value>;<var>=<value>...\n"
        uuid_text, _, settings = text.partition(" ")
        channel = self._channel(uuid_text)
        if channel is None:
            return (NO_CHANNEL if uuid_text else "") + usage
        pairs = [setting.partition("=") for setting in settings.split(";") if "=" in setting]
        channel.variables |= {name: value for name, _, value in pairs}
        return OK if pairs else ""

    def _uuid_answer(self, text: str) -> str:
        channel = self._channel(text)
        if channel is None or not channel.alive:
            return "-ERROR\n"
        if not channel.answered:
            channel.answer()
        return OK

    def _uuid_audio_stream(self, text: str) -> Answer:
        uuid_text, _, rest = text.partition(" ")
        action, _, arguments = rest.partition(" ")
        if not uuid_text or not action:
            return STREAM_USAGE
        channel = self._channel(uuid_text)
        if channel is None:
            return FAILED
        match action:
            case "start":
                return SUCCESS if self._start_stream(channel, arguments) else FAILED
            case "stop":
                return self._stop_stream(channel, arguments)
            case "pause" | "resume" | "send_text" if channel.stream is not None:
                stream = channel.stream
                if action == "send_text":
                    stream.send_text(arguments)
                else:
                    stream.pause() if action == "pause" else stream.resume()
                return SUCCESS
            case "pause" | "resume" | "send_text":
                return FAILED
            case _:
                return STREAM_USAGE

    def _start_stream(self, channel: Channel, arguments: str) -> bool:
        if not channel.answered and channel.times["Progress"]:
            self._switch.crash(
                "uuid_audio_stream start on a ringing channel crashes FreeSWITCH: wait for CHANNEL_ANSWER"
            )
            return False
        request = StreamRequest.parse(arguments)
        if request is None or channel.stream is not None or not channel.alive or self._no_more_streams:
            return False
        fault = channel.callee.stream
        channel.stream_starts += 1
        if fault is not None and fault.times is not None and channel.stream_starts > fault.times:
            fault = None
        variables = channel.variables
        buffer_ms = variables.get("STREAM_BUFFER_SIZE", "")
        packer = FramePacker(
            request,
            self._switch.rate,
            int(buffer_ms) if buffer_ms.isascii() and buffer_ms.isdigit() else 20,
            send_silence=variables.get("send_silence_when_idle") == "-1",
        )
        channel.stream = AudioStream(
            channel.uuid,
            request,
            packer,
            headers=_extra_headers(variables.get("STREAM_EXTRA_HEADERS", "")),
            fault=fault,
            timeline=self._switch.timeline,
            report=lambda kind, body: channel.emit("CUSTOM", body=body.encode(), subclass=f"mod_audio_stream::{kind}"),
            on_broken=channel.detach_stream,
        )
        self._switch.keep(channel.stream)
        channel.emit("MEDIA_BUG_START", MEDIA_BUG)
        return True

    @property
    def _no_more_streams(self) -> bool:
        limit = self._switch.settings.stream_limit
        return limit is not None and sum(each.stream is not None for each in self._switch.channels.values()) >= limit

    def _stop_stream(self, channel: Channel, farewell: str) -> Answer:
        if channel.stream is None:
            return FAILED
        answer: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        channel.stop_stream(farewell, lambda: settle(answer, SUCCESS))
        return answer

    def _fsctl(self, text: str) -> str:
        if text != "shutdown now":
            return "-USAGE: shutdown now\n"
        self._switch.kill()
        return OK


def settle(answer: asyncio.Future[str], text: str) -> None:
    """Answer, unless nobody waits any more: the connection may have ended."""
    if not answer.done():
        answer.set_result(text)


def _extra_headers(text: str) -> dict[str, str]:
    """STREAM_EXTRA_HEADERS: a JSON object of strings; anything else is ignored, as by the module."""
    try:
        headers = json.loads(text) if text else {}
    except ValueError:
        return {}
    return {str(name): str(value) for name, value in headers.items()} if isinstance(headers, dict) else {}
