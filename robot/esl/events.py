"""What happens to a channel, as small typed values: one event from the wire becomes at most one of these.

`at` is when it arrived here, in seconds of `loop.time()`. FreeSWITCH hands events out every 20 ms, so it may have
happened up to 20 ms before.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from robot.esl.errors import MalformedEvent
from robot.esl.frames import Event


class PlaybackStatus(StrEnum):
    DONE = "done"  # the file ended, or the channel hung up
    BREAK = "break"  # uuid_break, or a DTMF terminator


@dataclass(frozen=True, slots=True)
class ChannelProgress:
    """It rings. `early_media`: with sound from the network (183), not yet from a person."""

    uuid: str
    at: float
    early_media: bool


@dataclass(frozen=True, slots=True)
class ChannelAnswered:
    uuid: str
    at: float


@dataclass(frozen=True, slots=True)
class ChannelParked:
    """Comes after every application that ended, too: the channel waits for the next command."""

    uuid: str
    at: float


@dataclass(frozen=True, slots=True)
class ChannelBridged:
    """The channel is connected with another, and talks to that one alone from now on. `other`: its uuid.

    Of the two channels only the one that was named first in the command has this event.
    """

    uuid: str
    at: float
    other: str


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """`file` is the path as FreeSWITCH was given it, without the sample from which it is played."""

    uuid: str
    at: float
    file: str


@dataclass(frozen=True, slots=True)
class PlaybackStopped:
    """`offset_samples`: how much of the file was played, at the channel's rate; None when FreeSWITCH does not say."""

    uuid: str
    at: float
    file: str
    status: PlaybackStatus
    offset_samples: int | None


@dataclass(frozen=True, slots=True)
class ApplicationCompleted:
    """A dialplan application ended. `application_uuid` is the `event_uuid` of the command, when one was given."""

    uuid: str
    at: float
    application: str
    argument: str
    response: str
    application_uuid: str

    @property
    def file_missing(self) -> bool:
        """A playback that could not open its file, for which no PLAYBACK event comes."""
        # The response of a playback stays with the channel and comes again with the end of park.
        return self.application == "playback" and self.response == "FILE NOT FOUND"


@dataclass(frozen=True, slots=True)
class Dtmf:
    """The far end pressed a key, and let it go (RFC 2833 or SIP INFO, not tones in its sound). `digit`: 0-9 A-D * #."""

    uuid: str
    at: float
    digit: str


@dataclass(frozen=True, slots=True)
class ChannelHungUp:
    uuid: str
    at: float
    cause: str


@dataclass(frozen=True, slots=True)
class HangupCompleted:
    """The call's record is complete. Durations in ms; `answered_ms` is 0 for a call that nobody took.

    sip_status: the answer to our INVITE, where that was a failure, or the status that ended the call.
    """

    uuid: str
    at: float
    cause: str
    sip_status: int | None
    total_ms: int
    answered_ms: int


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """The last event of a channel, and the only one of a leg without a gateway: `cause` is empty then."""

    uuid: str
    at: float
    cause: str


@dataclass(frozen=True, slots=True)
class AudioStreamConnected:
    uuid: str
    at: float


@dataclass(frozen=True, slots=True)
class AudioStreamDisconnected:
    """The module does not connect again. `code` and `reason` are the WebSocket's."""

    uuid: str
    at: float
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class AudioStreamFailed:
    """No connection: `code` 6 refused, 10 no answer within 1 s."""

    uuid: str
    at: float
    code: int
    error: str


@dataclass(frozen=True, slots=True)
class AudioStreamJson:
    """Text that the WebSocket server sent, as it came."""

    uuid: str
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class AudioStreamPlay:
    """Audio from the WebSocket server, saved on FreeSWITCH's host until the stream ends. `rate` in Hz.

    reference: what the server wrote beside it, to know it again.
    """

    uuid: str
    at: float
    file: str
    encoding: str
    rate: int
    reference: str = ""


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The events of every channel are missing from here to LinkRestored; the calls themselves go on."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class LinkRestored:
    """Events come again. What happened in between is not told: ask (`commands.exists`)."""

    at: float


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """How FreeSWITCH is, every 20 s. `sessions`: legs of calls now, whoever placed them."""

    at: float
    core_uuid: str
    sessions: int
    max_sessions: int


NodeEvent = Heartbeat | LinkLost | LinkRestored
ChannelEvent = (
    ChannelProgress
    | ChannelAnswered
    | ChannelParked
    | ChannelBridged
    | PlaybackStarted
    | PlaybackStopped
    | ApplicationCompleted
    | Dtmf
    | ChannelHungUp
    | HangupCompleted
    | ChannelDestroyed
    | AudioStreamConnected
    | AudioStreamDisconnected
    | AudioStreamFailed
    | AudioStreamJson
    | AudioStreamPlay
)
CallEvent = ChannelEvent | LinkLost | LinkRestored


def typed(event: Event, at: float) -> ChannelEvent | None:
    """`event` as its type; None for a kind that nobody reads.

    Raises MalformedEvent when it lacks what its kind always has.
    """
    name = event.name
    build = _KINDS.get(event.subclass if name == "CUSTOM" else name)
    if build is None:
        return None
    try:
        return build(event, event.uuid, at)
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise MalformedEvent(
            f"FreeSWITCH sent a {event.subclass or name} event that this robot cannot read ({type(error).__name__})"
        ) from error


def heartbeat(event: Event, at: float) -> Heartbeat:
    """A HEARTBEAT as its type. Raises MalformedEvent."""
    try:
        return Heartbeat(at, event["Core-UUID"], int(event["Session-Count"]), int(event["Max-Sessions"]))
    except (KeyError, ValueError) as error:
        raise MalformedEvent(f"FreeSWITCH sent a HEARTBEAT that this robot cannot read ({error})") from error


def _playback_stopped(event: Event, uuid: str, at: float) -> ChannelEvent:
    offset = event.get("variable_playback_last_offset_pos")
    status = PlaybackStatus(event["Playback-Status"])
    return PlaybackStopped(uuid, at, event["Playback-File-Path"], status, None if offset is None else int(offset))


def _application_completed(event: Event, uuid: str, at: float) -> ChannelEvent:
    return ApplicationCompleted(
        uuid,
        at,
        application=event["Application"],
        argument=event.get("Application-Data") or "",
        response=event.get("Application-Response") or "",
        application_uuid=event.get("Application-UUID") or "",
    )


def _hangup_completed(event: Event, uuid: str, at: float) -> ChannelEvent:
    status = event.get("variable_sip_invite_failure_status") or event.get("variable_sip_term_status")
    return HangupCompleted(
        uuid,
        at,
        cause=event["Hangup-Cause"],
        sip_status=int(status) if status else None,
        total_ms=int(event.get("variable_mduration") or 0),
        answered_ms=int(event.get("variable_billmsec") or 0),
    )


def _body(event: Event) -> Mapping[str, Any]:
    body = json.loads(event.body)
    if not isinstance(body, dict):
        raise TypeError("the body is no JSON object")
    return body


def _disconnected(event: Event, uuid: str, at: float) -> ChannelEvent:
    message = _body(event)["message"]
    return AudioStreamDisconnected(uuid, at, int(message["code"]), str(message["reason"]))


def _failed(event: Event, uuid: str, at: float) -> ChannelEvent:
    message = _body(event)["message"]
    return AudioStreamFailed(uuid, at, int(message["code"]), str(message["error"]))


def _play(event: Event, uuid: str, at: float) -> ChannelEvent:
    body = _body(event)
    file, encoding = str(body["file"]), str(body["audioDataType"])
    return AudioStreamPlay(uuid, at, file, encoding, int(body["sampleRate"]), str(body.get("reference", "")))


_KINDS: Final[Mapping[str, Callable[[Event, str, float], ChannelEvent]]] = MappingProxyType(
    {
        "CHANNEL_PROGRESS": lambda event, uuid, at: ChannelProgress(uuid, at, early_media=False),
        "CHANNEL_PROGRESS_MEDIA": lambda event, uuid, at: ChannelProgress(uuid, at, early_media=True),
        "CHANNEL_ANSWER": lambda event, uuid, at: ChannelAnswered(uuid, at),
        "CHANNEL_PARK": lambda event, uuid, at: ChannelParked(uuid, at),
        "CHANNEL_BRIDGE": lambda event, uuid, at: ChannelBridged(uuid, at, event["Other-Leg-Unique-ID"]),
        "CHANNEL_EXECUTE_COMPLETE": _application_completed,
        "PLAYBACK_START": lambda event, uuid, at: PlaybackStarted(uuid, at, event["Playback-File-Path"]),
        "PLAYBACK_STOP": _playback_stopped,
        "DTMF": lambda event, uuid, at: Dtmf(uuid, at, event["DTMF-Digit"]),
        "CHANNEL_HANGUP": lambda event, uuid, at: ChannelHungUp(uuid, at, event["Hangup-Cause"]),
        "CHANNEL_HANGUP_COMPLETE": _hangup_completed,
        "CHANNEL_DESTROY": lambda event, uuid, at: ChannelDestroyed(uuid, at, event.get("Hangup-Cause") or ""),
        "mod_audio_stream::connect": lambda event, uuid, at: AudioStreamConnected(uuid, at),
        "mod_audio_stream::disconnect": _disconnected,
        "mod_audio_stream::error": _failed,
        "mod_audio_stream::json": lambda event, uuid, at: AudioStreamJson(uuid, at, event.text),
        "mod_audio_stream::play": _play,
    }
)

#: The client subscribes to what is read here, BACKGROUND_JOB for its jobs, and HEARTBEAT, which shows every 20 s that
#: events still come. CHANNEL_CREATE is left out: a leg without a gateway never has one, and the job's answer tells all.
SUBSCRIPTION: Final = "event plain " + " ".join(
    [
        *(name for name in _KINDS if "::" not in name),
        "BACKGROUND_JOB",
        "HEARTBEAT",
        "CUSTOM",
        *(name for name in _KINDS if "::" in name),
    ]
)
