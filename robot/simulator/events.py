"""Events: the headers that every FreeSWITCH event begins with, and who gets which event."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from email.utils import formatdate
from typing import Final, Protocol

from robot.esl.frames import encode_event
from robot.simulator.timeline import Timeline

Headers = Sequence[tuple[str, str]]
VERSION: Final = "1.11.3-dev~simulated by freeswitch-robot"

# Where in FreeSWITCH's source an event comes from: clients print it, none reads it.
_CALLING: Final = {
    "CHANNEL_CREATE": ("switch_core_state_machine.c", "switch_core_session_run", "626"),
    "CHANNEL_ORIGINATE": ("switch_core_state_machine.c", "switch_core_session_run", "632"),
    "CHANNEL_PROGRESS": ("switch_channel.c", "switch_channel_perform_mark_ring_ready_value", "3507"),
    "CHANNEL_PROGRESS_MEDIA": ("switch_channel.c", "switch_channel_perform_mark_pre_answered", "3562"),
    "CHANNEL_ANSWER": ("switch_channel.c", "switch_channel_perform_mark_answered", "3848"),
    "CHANNEL_DATA": ("mod_event_socket.c", "parse_command", "2029"),
    "CHANNEL_PARK": ("switch_ivr.c", "switch_ivr_park", "1002"),
    "CHANNEL_UNPARK": ("switch_ivr.c", "switch_ivr_park", "1213"),
    "CHANNEL_BRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", "1689"),
    "CHANNEL_UNBRIDGE": ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge", "1879"),
    "CHANNEL_EXECUTE": ("switch_core_session.c", "switch_core_session_exec", "2949"),
    "CHANNEL_EXECUTE_COMPLETE": ("switch_core_session.c", "switch_core_session_exec", "2972"),
    "CHANNEL_HANGUP": ("switch_channel.c", "switch_channel_perform_hangup", "3447"),
    "CHANNEL_HANGUP_COMPLETE": ("switch_core_state_machine.c", "switch_core_session_reporting_state", "943"),
    "CHANNEL_DESTROY": ("switch_core_session.c", "switch_core_session_perform_destroy", "1588"),
    "PLAYBACK_START": ("switch_ivr_play_say.c", "switch_ivr_play_file", "1649"),
    "PLAYBACK_STOP": ("switch_ivr_play_say.c", "switch_ivr_play_file", "2023"),
    "MEDIA_BUG_START": ("switch_core_media_bug.c", "switch_core_media_bug_add", "1014"),
    "MEDIA_BUG_STOP": ("switch_core_media_bug.c", "switch_core_media_bug_destroy", "84"),
    "DTMF": ("switch_channel.c", "switch_channel_dequeue_dtmf", "678"),
    "BACKGROUND_JOB": ("mod_event_socket.c", "api_exec", "1580"),
    "HEARTBEAT": ("switch_core.c", "send_heartbeat", "97"),
    "SHUTDOWN": ("switch_core.c", "switch_core_destroy", "3147"),
    "CUSTOM": ("mod_audio_stream.c", "responseHandler", "16"),
}


@dataclass(frozen=True, slots=True)
class SimulatedEvent:
    """One event as it happened; it is written for the wire only if somebody listens."""

    name: str
    subclass: str
    headers: Headers
    body: bytes

    def encoded(self) -> bytes:
        return encode_event(self.headers, self.body)

    def value(self, header: str) -> str | None:
        """The first value of `header`, for filters."""
        return next((value for name, value in self.headers if name.lower() == header.lower()), None)


class Listener(Protocol):
    """Somebody with a connection."""

    def wants(self, event: SimulatedEvent) -> bool:
        """Whether the event passes this listener's subscription and filters."""

    def take(self, encoded: bytes) -> None:
        """The event, ready for the wire."""


class EventBus:
    """Numbers events, gives them their common headers and hands each to those who listen."""

    def __init__(self, timeline: Timeline) -> None:
        self.core_uuid = str(uuid.uuid4())
        self.listeners: list[Listener] = []
        self._timeline = timeline
        self._epoch_us = time.time_ns() // 1000 - int(timeline.now_ms * 1000)
        self._sequence = 400

    @property
    def now_us(self) -> int:
        """Simulated time as microseconds since 1970."""
        return self._epoch_us + int(self._timeline.now_ms * 1000)

    def publish(self, name: str, headers: Headers = (), body: bytes = b"", subclass: str = "") -> None:
        event = SimulatedEvent(name, subclass, [*self.common(name, subclass), *headers], body)
        takers = [listener for listener in self.listeners if listener.wants(event)]
        if takers:
            encoded = event.encoded()
            for listener in takers:
                listener.take(encoded)

    def common(self, name: str, subclass: str = "") -> Headers:
        """What the next event begins with."""
        self._sequence += 1
        seconds, now_us = self.now_us / 1_000_000, self.now_us
        file, function, line = _CALLING[name]
        return [
            *([("Event-Subclass", subclass)] if subclass else []),
            ("Event-Name", name),
            ("Core-UUID", self.core_uuid),
            ("FreeSWITCH-Hostname", "simulator"),
            ("FreeSWITCH-Switchname", "simulator"),
            ("FreeSWITCH-IPv4", "127.0.0.1"),
            ("FreeSWITCH-IPv6", "::1"),
            ("Event-Date-Local", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))),
            ("Event-Date-GMT", formatdate(seconds, usegmt=True)),
            ("Event-Date-Timestamp", str(now_us)),
            ("Event-Calling-File", file),
            ("Event-Calling-Function", function),
            ("Event-Calling-Line-Number", line),
            ("Event-Sequence", str(self._sequence)),
        ]
