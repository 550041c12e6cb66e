"""Every command that is sent to FreeSWITCH is built here, and every argument checked (`arguments`).

FreeSWITCH has no quoting that holds everywhere: an empty line in an argument puts a second command on the wire, a comma
or `|` in a dial string calls somebody else too, `app::args` runs an application and `${api(args)}` is expanded. So
arguments are matched against what they may be, and refused with BadArgument otherwise; nothing is cleaned up silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import PurePath
from typing import Final, Literal, get_args

from robot.esl import arguments as checked
from robot.esl.errors import BadArgument

#: How a gateway wants its numbers: `+33140000001` or `33140000001`.
NumberFormat = Literal["e164", "digits"]

# A day: whoever talks longer to a robot has put the phone down beside the cradle.
_LONGEST_CALL_S: Final = 86_400
# Seconds between the WebSocket pings of mod_audio_stream. Any value will do, but unset it is an uninitialised variable.
_STREAM_HEART_BEAT_S: Final = 15

# Of `send_dtmf`, by RFC 2833, measured: a key 260 ms and a gap of 20; pauses are what they are called.
_DTMF_LENGTH_S: Final = {"w": 0.5, "W": 1.0}
_DTMF_KEY_S: Final = 0.28

# The variables of every channel that talks to the robot.
_FOR_EVERY_CALL: Final = {
    "playback_terminators": "none",  # or `*` on the callee's phone stops every prompt
    "STREAM_MESSAGE_DEFLATE": "true",  # means no compression; unset it is an uninitialised variable
    "STREAM_HEART_BEAT": str(_STREAM_HEART_BEAT_S),
    # A parked channel sends no RTP between prompts (measured: gaps of 3 s), for which phones and SBCs hang up; and
    # without it mod_audio_stream's stereo streams and RECORD_STEREO stand still meanwhile.
    "send_silence_when_idle": "-1",
}

# FreeSWITCH does not tell upper from lower case in the name of a variable.
_SET_BY_ORIGINATE: Final = frozenset(
    {
        "origination_uuid", "ignore_early_media", "originate_timeout", "playback_terminators", "stream_message_deflate",
        "stream_heart_beat", "stream_extra_headers", "origination_caller_id_number", "origination_caller_id_name",
        "send_silence_when_idle", "robot_agent_for",
    }
)  # fmt: skip

#: What the far end of `originate_to_itself` sounds: the key 5 of a telephone (ITU-T Q.23), in Hz.
ITSELF_HZ: Final = (770, 1336)

#: What `execute` may run. `playback` has its own function, for its argument is a path; `system`, `lua`, `set` and their
#: like are left out on purpose.
APPLICATIONS: Final = frozenset(
    {"answer", "avmd_start", "avmd_stop", "hangup", "park", "pre_answer", "sleep", "start_dtmf", "stop_dtmf"}
)


class CommandKind(Enum):
    API = auto()  # `api ...` or `bgapi ...`: the client chooses
    MESSAGE = auto()  # `sendmsg UUID`, a block of headers for one channel


@dataclass(frozen=True, slots=True)
class Command:
    """A command whose arguments are safe. Made by the functions of this module and nowhere else.

    name: for messages and logs. text: without the verb `api`. may_block: FreeSWITCH may take long over it, during which
    it answers nothing else on the same connection, so it is run in the background.
    urgent: must not wait in line behind ordinary commands.
    """

    name: str
    text: str = field(repr=False)
    kind: CommandKind = CommandKind.API
    may_block: bool = False
    urgent: bool = False

    def encode(self, job_uuid: str | None = None) -> bytes:
        """The bytes for the wire; with `job_uuid` as a background job under that id."""
        if self.kind is CommandKind.MESSAGE:
            return f"{self.text}\n\n".encode()
        if job_uuid is None:
            return f"api {self.text}\n\n".encode()
        return f"bgapi {self.text}\nJob-UUID: {job_uuid}\n\n".encode()


@dataclass(frozen=True, slots=True)
class Trunk:
    """Somebody behind a gateway. `number`: E.164. number_format: `e164` dials +33140000001, `digits` 33140000001."""

    gateway: str
    number: str = field(repr=False)
    number_format: NumberFormat = "e164"


@dataclass(frozen=True, slots=True)
class Extension:
    """Somebody of FreeSWITCH's own directory, dialled as `user/NAME`: 1000, or 1000@pbx.example.org."""

    name: str = field(repr=False)


# ── commands ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def originate(
    uuid: str,
    gateway: str,
    number: str,
    *,
    ring_timeout_s: int = 30,
    caller_id: str | None = None,
    caller_name: str | None = None,
    number_format: NumberFormat = "e164",
    stream_token: str | None = None,
    variables: Mapping[str, str] | None = None,
) -> Command:
    """Dial `number` (E.164) through `gateway` and park the channel, whose uuid will be `uuid`.

    ring_timeout_s: FreeSWITCH may give up to 1 s earlier. number_format: `e164` dials +33140000001, `digits`
    33140000001. stream_token: see `set_stream_token`.
    variables: more channel variables; none of those that are set here.
    """
    settings = _dialling(uuid, ring_timeout_s)
    if caller_id is not None:
        settings["origination_caller_id_number"] = checked.caller_id(caller_id)
    if caller_name is not None:
        settings["origination_caller_id_name"] = checked.quoted("caller_name", caller_name)
    if stream_token is not None:
        settings["STREAM_EXTRA_HEADERS"] = f"'{checked.stream_headers(stream_token)}'"
    for name, value in (variables or {}).items():
        if checked.variable_name(name).lower() in _SET_BY_ORIGINATE:
            raise BadArgument("variables", f"must not set {name}: originate sets it itself")
        settings[name] = checked.quoted(f"variables[{name}]", value)
    return _originate(settings, _endpoint(Trunk(gateway, number, number_format)))


def originate_agent(
    uuid: str,
    agent: Trunk | Extension,
    *,
    callee: str,
    longest_park_s: int,
    ring_timeout_s: int = 25,
    caller_id: str | None = None,
) -> Command:
    """Dial somebody who is to talk to `callee` (the uuid of a call of ours) and park that leg, to be bridged.

    FreeSWITCH ends a leg that is parked longer than `longest_park_s`, up to 1 s early: should nobody be left to bridge
    it or to hang it up. A bridged one is not ended by that (measured). The leg's variable `robot_agent_for` holds the
    callee's uuid: it is no call of the robot's own.
    """
    settings = _dialling(uuid, ring_timeout_s) | {
        "robot_agent_for": checked.uuid(callee),
        "park_timeout": f"{checked.whole('longest_park_s', longest_park_s, 1, _LONGEST_CALL_S)}:ALLOTTED_TIMEOUT",
        "hangup_after_bridge": "true",
    }
    if caller_id is not None:
        settings["origination_caller_id_number"] = checked.caller_id(caller_id)
    return _originate(settings, _endpoint(agent))


def originate_to_itself(uuid: str, longest_s: int, *, stream_token: str) -> Command:
    """A call that FreeSWITCH answers itself (mod_loopback): nobody is dialled. The far end sounds a tone of two
    frequencies, ITSELF_HZ, for `longest_s` seconds and hangs up.
    """
    seconds = checked.whole("longest_s", longest_s, 1, 600)
    settings = _dialling(uuid, ring_timeout_s=5) | {"STREAM_EXTRA_HEADERS": f"'{checked.stream_headers(stream_token)}'"}
    # The inline dialplan with `^` between applications, and a key of a telephone for the tone: every other way to write
    # this holds commas, at which originate parts whom it calls. Without `answer` there would be early media only.
    return _originate(settings, f"loopback/m:^:answer^gentones:d={seconds * 1000};5/default/inline")


def answer(uuid: str) -> Command:
    """Take a call that came in: CHANNEL_ANSWER comes within a millisecond; none for a call that is answered already.

    The application `answer` (`execute`) does the same one event poll (20 ms) later.
    """
    return _api("uuid_answer", checked.uuid(uuid))


def ring(uuid: str) -> Command:
    """Let the caller of a call that came in hear that it rings (SIP 180)."""
    return _api("uuid_ring_ready", checked.uuid(uuid))


def take_over(uuid: str, *, stream_token: str) -> Command:
    """Set on a call that came in the variables that `originate` gives to one of our own."""
    settings = {**_FOR_EVERY_CALL, "STREAM_EXTRA_HEADERS": checked.stream_headers(stream_token)}
    listed = ";".join(f"{name}={value}" for name, value in settings.items())
    return _api("uuid_setvar_multi", f"{checked.uuid(uuid)} {listed}")


def kill(uuid: str, cause: str = "NORMAL_CLEARING") -> Command:
    """Hang up. Through sendmsg it would wait behind what plays."""
    return _api("uuid_kill", f"{checked.uuid(uuid)} {checked.cause(cause)}", urgent=True)


def sched_hangup(uuid: str, after_s: int, cause: str = "ALLOTTED_TIMEOUT") -> Command:
    """Hang up `after_s` seconds from now, even when nobody is there any more to ask for it."""
    seconds = checked.whole("after_s", after_s, 1, _LONGEST_CALL_S)
    return _api("sched_hangup", f"+{seconds} {checked.uuid(uuid)} {checked.cause(cause)}")


def cancel_sched_hangup(uuid: str) -> Command:
    """Take back every `sched_hangup` of the channel. `+OK` also when there was none."""
    return _api("sched_del", checked.uuid(uuid))


def bridge(uuid: str, other: str) -> Command:
    """Connect two answered channels: what plays on them stops (PLAYBACK_STOP: `done`), neither is parked any more.

    ChannelBridged comes for `uuid`, 60 ms later. When one of the two hangs up FreeSWITCH ends the other, but for one
    that came in by a dialplan with more to do: that wants the variable hangup_after_bridge.
    """
    return _api("uuid_bridge", f"{checked.uuid(uuid)} {checked.uuid(other)}")


def play(
    uuid: str,
    file: PurePath | str,
    *,
    root: PurePath | str,
    start_sample: int = 0,
    event_uuid: str | None = None,
) -> Command:
    """Play `file` (a path below `root` on FreeSWITCH's host) after what plays already.

    PLAYBACK_START comes after 20 ms, and unlike `broadcast` no break is ever lost. start_sample: where in the file to
    begin, at the file's own rate, whatever the channel's; behind its end PLAYBACK_START and STOP come at once.
    `event_uuid` comes back as ApplicationCompleted.application_uuid.
    """
    return _message(uuid, "playback", checked.file_from(file, root, start_sample), event_uuid)


def execute(uuid: str, application: str, argument: str = "", *, event_uuid: str | None = None) -> Command:
    """Run one of the dialplan applications in APPLICATIONS, after those that were asked for before."""
    if application not in APPLICATIONS:
        raise BadArgument("application", f"is none of those that the robot runs: {', '.join(sorted(APPLICATIONS))}")
    return _message(uuid, application, checked.plain("argument", argument) if argument else "", event_uuid)


def broadcast(uuid: str, file: PurePath | str, *, root: PurePath | str, start_sample: int = 0) -> Command:
    """Play `file` to the callee; PLAYBACK_START comes after 120 to 320 ms, and a break before that is lost.

    start_sample: see `play`.
    """
    path = checked.file_from(file, root, start_sample)
    # Unquoted, a path with a space is answered +OK and never plays.
    quoted = f"'{path}'" if " " in path else path
    return _api("uuid_broadcast", f"{checked.uuid(uuid)} {quoted} aleg")


def break_(uuid: str, *, all_queued: bool = True) -> Command:
    """Stop what plays, by default also what waits to be played."""
    return _api("uuid_break", checked.uuid(uuid) + (" all" if all_queued else ""), urgent=True)


def audio_stream_start(
    uuid: str, url: str, mix: str = "mono", rate: int = 16_000, *, metadata: str | None = None
) -> Command:
    """Stream the call's audio to `url` (ws:// or wss://); `mix` is mono, mixed or stereo, `rate` in Hz.

    Only after CHANNEL_ANSWER: on a ringing channel it crashes FreeSWITCH. `+OK` says nothing about the connection:
    AudioStreamConnected or AudioStreamFailed does.
    """
    if mix not in ("mono", "mixed", "stereo") or rate not in (8_000, 16_000):
        raise BadArgument("mix and rate", "are mono, mixed or stereo at 8000 or 16000 Hz")
    text = f"{checked.uuid(uuid)} start {checked.websocket_url(url)} {mix} {rate // 1000}k"
    return _api("uuid_audio_stream", text if metadata is None else f"{text} {checked.line('metadata', metadata)}")


def audio_stream_stop(uuid: str) -> Command:
    """Takes 1.00 s when the WebSocket server does not answer the close."""
    return _api("uuid_audio_stream", f"{checked.uuid(uuid)} stop", may_block=True)


def set_stream_token(uuid: str, token: str) -> Command:
    """The channel's next audio stream sends `Authorization: Bearer TOKEN` in its WebSocket handshake."""
    return _api("uuid_setvar", f"{checked.uuid(uuid)} STREAM_EXTRA_HEADERS {checked.stream_headers(token)}")


def exists(uuid: str) -> Command:
    """Answered `true` or `false`."""
    return _api("uuid_exists", checked.uuid(uuid))


def getvar(uuid: str, name: str) -> Command:
    """Answered with the value, or `_undef_`."""
    return _api("uuid_getvar", f"{checked.uuid(uuid)} {checked.readable_name(name)}")


def setvar(uuid: str, name: str, value: str) -> Command:
    return _api("uuid_setvar", f"{checked.uuid(uuid)} {checked.variable_name(name)} {checked.plain('value', value)}")


def send_dtmf(uuid: str, digits: str) -> Command:
    """`digits`: 0-9 A-D * #, and w or W for a pause of 0.5 or 1 s."""
    return _api("uuid_send_dtmf", f"{checked.uuid(uuid)} {checked.digits(digits)}")


def dtmf_length_s(digits: str) -> float:
    """How long `send_dtmf` of these takes, from the command to the end of the last key, in seconds."""
    return sum(_DTMF_LENGTH_S.get(digit, _DTMF_KEY_S) for digit in digits)


def show_channels() -> Command:
    """Answered with JSON: `row_count`, and `rows` unless that is 0. About 1 MB for 1,000 calls."""
    return _api("show", "channels as json", may_block=True)


def core_uuid() -> Command:
    """Answered with the id of the running FreeSWITCH, as in the header Core-UUID: another one after each start."""
    return _api("global_getvar", "core_uuid")


def gateways() -> Command:
    """Answered with XML: every gateway of every SIP profile. About 1.4 kB each."""
    return _api("sofia", "xmlstatus gateway", may_block=True)


def record(uuid: str, file: PurePath | str, *, root: PurePath | str) -> Command:
    """Record into `file`, a path below `root` on FreeSWITCH's host, until the hangup.

    Which sides: RECORD_READ_ONLY=true the callee, RECORD_STEREO=true the callee on the left and the robot on the right;
    the latter would be out of step without `send_silence_when_idle` (measured: the silence before the first prompt is
    left out of the right side).
    """
    # It opens a file.
    return _api("uuid_record", f"{checked.uuid(uuid)} start {checked.file(file, root)}", may_block=True)


def stop_recording(uuid: str, file: PurePath | str, *, root: PurePath | str) -> Command:
    """End what `record` began."""
    return _api("uuid_record", f"{checked.uuid(uuid)} stop {checked.file(file, root)}", may_block=True)


def status() -> Command:
    return _api("status", "")


def module_exists(module: str) -> Command:
    """Answered `true` or `false`."""
    return _api("module_exists", checked.module(module))


def gateway_status(gateway: str) -> Command:
    """Answered with a table of one line a value, or `Invalid Gateway!`."""
    return _api("sofia", f"status gateway {checked.gateway(gateway)}")


def epoch() -> Command:
    """Answered with FreeSWITCH's time of day, in whole seconds since 1970."""
    return _api("strepoch", "")


def _api(name: str, arguments: str, *, may_block: bool = False, urgent: bool = False) -> Command:
    return Command(name, f"{name} {arguments}".rstrip(), may_block=may_block, urgent=urgent)


def _dialling(uuid: str, ring_timeout_s: int) -> dict[str, str]:
    """The variables of every channel that is made here."""
    return {
        "origination_uuid": checked.uuid(uuid),
        "ignore_early_media": "true",
        "originate_timeout": str(checked.whole("ring_timeout_s", ring_timeout_s, 1, 600)),
        **_FOR_EVERY_CALL,
    }


def _originate(settings: Mapping[str, str], destination: str) -> Command:
    listed = ",".join(f"{name}={value}" for name, value in settings.items())
    return _api("originate", f"{{{listed}}}{destination} &park()", may_block=True)


def _endpoint(who: Trunk | Extension) -> str:
    if isinstance(who, Extension):
        return f"user/{checked.extension(who.name)}"
    if who.number_format not in get_args(NumberFormat):
        raise BadArgument("number_format", f"is one of {', '.join(get_args(NumberFormat))}")
    dialled = checked.number(who.number).removeprefix("+" if who.number_format == "digits" else "")
    return f"sofia/gateway/{checked.gateway(who.gateway)}/{dialled}"


def _message(uuid: str, application: str, argument: str, event_uuid: str | None) -> Command:
    lines = [f"sendmsg {checked.uuid(uuid)}", "call-command: execute", f"execute-app-name: {application}"]
    if argument:
        lines.append(f"execute-app-arg: {argument}")
    if event_uuid is not None:
        lines.append(f"Event-UUID: {checked.event_uuid(event_uuid)}")
    lines.append("event-lock: true")  # or a second file would play nested inside the first
    return Command(f"execute {application}", "\n".join(lines), CommandKind.MESSAGE)
