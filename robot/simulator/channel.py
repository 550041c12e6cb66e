"""One channel: its states, its variables, its events, and the way it ends. What is heard on it is `line`'s matter."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from uuid import uuid4

from robot.simulator import channel_headers
from robot.simulator.audio_stream import AudioStream
from robot.simulator.bridge import Bridge
from robot.simulator.callee import Press
from robot.simulator.callees_file import Callee
from robot.simulator.channel_state import ChannelState, check_transition
from robot.simulator.events import EventBus
from robot.simulator.executions import application_headers, asked_for, playback_headers, played_variables
from robot.simulator.keys import KeySender
from robot.simulator.line import CalleeLine, padded
from robot.simulator.playback import Began, Change, Completed, Execution, Player, Started, Stopped
from robot.simulator.recording import Recording
from robot.simulator.sound import FRAME_MS, Samples, frame_length
from robot.simulator.timeline import Timeline, Timer


class Channel:
    """The robot's leg of one call, from originate to CHANNEL_DESTROY. For one that comes in see `incoming`."""

    direction = "outbound"

    def __init__(
        self,
        *,
        uuid: str,
        number: str,
        gateway: str,
        name: str,
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
        self.uuid = uuid
        self.number = number
        self.gateway = gateway
        self.name = name
        self.callee = callee
        self.line = line
        self.player = Player(rate)
        self.stream: AudioStream | None = None
        self.stream_starts = 0
        self.recordings: dict[str, Recording] = {}  # by their path
        self.hangups_to_come: list[Timer] = []
        self.bridge: Bridge | None = None
        self.spoken: Samples | None = None  # what came from the callee in the last frame
        self._keys = KeySender(timeline, self._key_sent)
        self.cause = ""
        self.session = session
        port = 16384 + session % 8000 * 2
        given = variables
        self.variables = channel_headers.created_variables(uuid, number, session) | given
        self.variables |= channel_headers.originated_variables(port) | {"channel_name": self.name}
        self._port = port
        self.caller = (
            given.get("origination_caller_id_name", ""),
            given.get("origination_caller_id_number", "0000000000"),
        )
        self._bus = bus
        self._timeline = timeline
        self._rate = rate
        self._mulaw = mulaw
        self._on_destroyed = on_destroyed
        self.on_unanswered: Callable[[str], None] | None = None  # originate waits for this channel
        self.state = ChannelState.INIT
        self._running = "CS_INIT"  # the state whose handler runs: FreeSWITCH's events name that one
        self.call_state = "DOWN"
        self.answer_state = "ringing"
        self._park_uuid = str(uuid4())
        self._left = False  # the application is over
        self._hung_up_by_callee = False
        self.times = {"Created": bus.now_us, "Answered": 0, "Progress": 0, "Progress-Media": 0, "Hangup": 0}
        self.times |= {"Transfer": 0, "Resurrect": 0, "Bridged": 0}

    @property
    def alive(self) -> bool:
        return self.state.value < ChannelState.HANGUP.value

    @property
    def answered(self) -> bool:
        return bool(self.times["Answered"])

    # What happens to it until it is answered

    def created(self) -> None:
        self.emit("CHANNEL_CREATE")
        self.emit("CHANNEL_ORIGINATE")

    def invited(self) -> None:
        """The gateway has answered something."""
        self._enter(ChannelState.CONSUME_MEDIA)
        self.variables |= channel_headers.invited_variables(self.number, self.gateway, self._park_uuid)

    def progressed(self, *, early_media: bool) -> None:
        if early_media:
            self.times["Progress-Media"] = self._bus.now_us
            self.answer_state = "early"
            self.variables |= channel_headers.media_variables(self._port)
            self.emit("CHANNEL_PROGRESS_MEDIA")
            self.call_state = "EARLY"
        else:
            self.times["Progress"] = self._bus.now_us
            self.emit("CHANNEL_PROGRESS")
            self.call_state = "RINGING"

    def answer(self) -> None:
        self.times["Answered"] = self._bus.now_us
        self.answer_state = "answered"
        self.variables |= channel_headers.media_variables(self._port)
        self.emit("CHANNEL_ANSWER")
        self.line.answered()

    def park(self) -> None:
        for change in self.player.end(hangup=False, tell_waiting=True):
            self._follow(change)
        self._enter(ChannelState.EXECUTE)
        self.call_state = "ACTIVE"
        self.variables |= {
            "endpoint_disposition": "ANSWER",
            "pre_transfer_caller_id_name": self.caller[0],
            "pre_transfer_caller_id_number": self.caller[1],
            "channel_cid_flipped": "yes",
            "current_application": "park",
        }
        self.emit("CHANNEL_EXECUTE", [("Application", "park"), ("Application-UUID", self._park_uuid)])
        self.emit("CHANNEL_PARK")
        self.player.parked(self._timeline.now_ms)
        limit_s, _, cause = self.variables.get("park_timeout", "").partition(":")
        if limit_s.isascii() and limit_s.isdigit():
            self._timeline.call_in(int(limit_s) * 1000, lambda: self._parked_too_long(cause or "NORMAL_CLEARING"))

    def _parked_too_long(self, cause: str) -> None:
        if self.state is ChannelState.EXECUTE and self.bridge is None:
            self.hang_up(cause)

    # When it is connected with another

    def bridging(self, bridge: Bridge, other: Channel) -> None:
        """`uuid_bridge` has answered."""
        self.bridge = bridge
        self.variables |= {"bridge_channel": other.name, "bridge_uuid": other.uuid, "signal_bond": other.uuid}

    def leave_park(self) -> None:
        for change in self.player.end(hangup=False):
            self._follow(change)
        self.emit_unpark()
        self._leave_application()

    def bridged(self, other: Channel) -> None:
        self._enter(ChannelState.SOFT_EXECUTE)
        self.times["Bridged"] = self._bus.now_us
        self.emit("CHANNEL_EXECUTE", [("Application", "uuid_bridge"), ("Application-Data", other.uuid)])
        self.variables["last_bridge_to"] = other.uuid

    def exchanges_media(self) -> None:
        self._enter(ChannelState.EXCHANGE_MEDIA)

    # Each 20 ms of a call

    @property
    def ticks(self) -> bool:
        """Whether there is something to do for it each 20 ms."""
        return self.answered and self.alive

    def tick(self) -> None:
        changes, piece = self.player.tick(self._timeline.now_ms)
        for change in changes:
            self._follow(change)
        if not (self.alive and self.answered):  # an application hung up; or nobody talks yet
            return
        for act in self.line.acts():
            if isinstance(act, Press):
                self._pressed(act.digit)
            else:
                self.hang_up("NORMAL_CLEARING", by_callee=True)
                return
        if piece is None and self.bridge is not None:
            piece = self.bridge.heard_by(self)
        received = self.spoken = self.line.frame(piece)
        sent = None if piece is None else padded(piece.samples, frame_length(self._rate))
        if self.stream is not None:
            self.stream.push(received, sent)
        for recording in self.recordings.values():
            recording.push(received, sent)

    def _follow(self, change: Change) -> None:
        execution = change.execution
        match change:
            case Began() if execution.is_hangup:
                self.hang_up(execution.argument)
            case Completed() if execution.is_hangup:
                pass
            case Began():
                self._began(execution)
            case Started():
                self.line.prompt_started(execution)
                self.emit("PLAYBACK_START", playback_headers(execution))
            case Stopped():
                self._stopped(change)
            case Completed():
                self.variables["current_application_response"] = change.response
                self.emit(
                    "CHANNEL_EXECUTE_COMPLETE",
                    application_headers(execution, ("Application-Response", change.response)),
                )

    def _began(self, execution: Execution) -> None:
        self.variables |= {"current_application_data": execution.argument, "current_application": execution.application}
        self.emit("CHANNEL_EXECUTE", application_headers(execution))
        if execution.application == "set":
            name, _, value = execution.argument.partition("=")
            self.variables[name] = value
        elif execution.application == "hangup":
            self.hang_up(execution.argument or "NORMAL_CLEARING")
        elif execution.application == "answer" and not self.answered:
            self.answer()

    def _stopped(self, stopped: Stopped) -> None:
        execution = stopped.execution
        self.line.prompt_stopped(execution, "hangup" if stopped.hangup else stopped.status.value)
        self.variables |= played_variables(execution, self._rate)
        status = ("Playback-Status", stopped.status.value)
        self.emit("PLAYBACK_STOP", [*playback_headers(execution), status])

    def _pressed(self, digit: str) -> None:
        # A key that is no terminator does not stop a prompt; `*` is one unless the channel says otherwise.
        terminators = self.variables.get("playback_terminators", "*")
        if terminators == "any" or (terminators != "none" and digit in terminators):
            self.player.break_one()
        keys = [("DTMF-Digit", digit), ("DTMF-Duration", "1600"), ("DTMF-Source", "RTP")]
        self._bus.publish("DTMF", [*self._state_headers(), *self._caller_headers(), *keys])

    # What clients ask for

    def send_dtmf(self, keys: str, key_ms: int) -> None:
        self._keys.send(keys, key_ms)

    def _key_sent(self, key: str) -> None:
        if self.alive and self.answered:
            self.line.key_pressed(key)

    def broadcast(self, argument: str) -> None:
        """`uuid_broadcast U ARGUMENT`: a file, or `app::args`."""
        application, separator, data = argument.partition("::")
        if separator and re.fullmatch(r"\w+", application):
            self.player.broadcast(self._asked(application, data), self._timeline.now_ms)
        else:
            self.player.broadcast(self._asked("playback", argument), self._timeline.now_ms)

    def execute(self, application: str, argument: str, *, locked: bool, application_uuid: str = "") -> None:
        execution = self._asked(application, argument, application_uuid)
        execution.locked = locked
        self.player.execute(execution, self._timeline.now_ms)

    def execute_hangup(self, cause: str, *, locked: bool) -> None:
        """`call-command: hangup`: in line with the applications, but none of them."""
        execution = Execution("hangup", cause, "", locked=locked, is_hangup=True)
        self.player.execute(execution, self._timeline.now_ms)

    def _asked(self, application: str, argument: str, application_uuid: str = "") -> Execution:
        return asked_for(application, argument, application_uuid or str(uuid4()), self._rate, mulaw=self._mulaw)

    # How it ends

    def hang_up(self, cause: str, *, by_callee: bool = False, job_first: bool = False, at_once: bool = False) -> None:
        """End the call; `by_callee`: the far end did, or refused it. at_once: not at its next frame.

        `job_first`: originate's answer comes before CHANNEL_HANGUP_COMPLETE, as after a time-out.
        """
        if not self.alive:
            return
        self.cause = cause
        self._hung_up_by_callee = by_callee
        self.times["Hangup"] = self._bus.now_us
        self.answer_state = "hangup"
        was_executing = self.state is ChannelState.EXECUTE
        if by_callee:
            self.variables["sip_hangup_disposition"] = "recv_bye" if self.answered else "recv_refuse"
        self._enter(ChannelState.HANGUP)
        self.emit("CHANNEL_HANGUP")
        if job_first:
            self._tell_originate()
        if by_callee or at_once or not (was_executing or self.bridge is not None):
            self._wind_up(was_executing)
        else:  # the application notices at its next frame
            self._timeline.call_in(FRAME_MS, lambda: self._wind_up(was_executing))

    def record(self, path: str) -> bool:
        """Whether the file can be written. A second time is the same recording."""
        if path not in self.recordings:
            try:
                self.recordings[path] = Recording(Path(path), self.variables, self._rate)
            except OSError:
                return False
        return True

    def stop_recording(self, path: str) -> bool:
        """`all` stops every one."""
        stopped = list(self.recordings) if path == "all" else [each for each in self.recordings if each == path]
        for each in stopped:
            self.recordings.pop(each).close()
        return bool(stopped)

    def vanish(self) -> None:
        """Be gone without an event: FreeSWITCH was killed."""
        self.stop_recording("all")
        self.state = ChannelState.DESTROY
        self.on_unanswered = None

    def _wind_up(self, was_executing: bool) -> None:
        if self.state is not ChannelState.HANGUP:
            return
        for change in self.player.end(hangup=True):
            self._follow(change)
        if was_executing:
            self._leave_application()
        if self.bridge is not None:
            self.bridge.left(self)
        self.stop_recording("all")
        self._running = "CS_HANGUP"
        if self.stream is None:
            self._report()
        else:
            self.stop_stream("", self._report)

    def emit_unpark(self) -> None:
        self.emit("CHANNEL_UNPARK")

    def _leave_application(self) -> None:
        if self._left:
            return
        self._left = True
        response = self.variables.get("current_application_response", "_none_")
        self.emit(
            "CHANNEL_EXECUTE_COMPLETE",
            [("Application", "park"), ("Application-Response", response), ("Application-UUID", self._park_uuid)],
        )

    def stop_stream(self, farewell: str, then: Callable[[], None]) -> None:
        """Close the stream's socket (up to a second), take the media bug away, and go on with `then`."""
        stream = self.stream
        assert stream is not None

        def closed() -> None:
            then_first = self.alive  # the api's reply leaves before the event, but a hangup reports after it
            if then_first:
                then()
            self.detach_stream(stream)
            if not then_first:
                then()

        stream.stop(farewell, closed)

    def detach_stream(self, stream: AudioStream) -> None:
        if self.stream is stream and self.state is not ChannelState.DESTROY:
            self.stream = None
            self.emit("MEDIA_BUG_STOP", MEDIA_BUG)

    def _report(self) -> None:
        if self.state is not ChannelState.HANGUP:
            return
        self._enter(ChannelState.REPORTING)
        self._running = "CS_REPORTING"
        self.call_state = "HANGUP"
        last = (self.variables.get("current_application", ""), self.variables.get("current_application_data", ""))
        frames = int(self.line.since_answer_ms // FRAME_MS)
        self.variables |= channel_headers.reporting_variables(
            self.cause, self.times, frames=frames, by_callee=self._hung_up_by_callee, last=last
        )
        cause = ("Hangup-Cause", self.cause)
        self._bus.publish("CHANNEL_HANGUP_COMPLETE", [cause, *self._headers()])
        self._tell_originate()
        self.state = ChannelState.DESTROY  # without a handler of its own: CHANNEL_DESTROY still names CS_REPORTING
        self._on_destroyed(self)
        self.emit("CHANNEL_DESTROY")

    def _tell_originate(self) -> None:
        tell, self.on_unanswered = self.on_unanswered, None
        if tell is not None:
            tell(self.cause)

    def _enter(self, state: ChannelState) -> None:
        self.state = check_transition(self.state, state)
        if state is not ChannelState.HANGUP:
            self._running = f"CS_{state.name}"

    # Its events

    def emit(self, name: str, more: list[tuple[str, str]] | None = None, body: bytes = b"", subclass: str = "") -> None:
        first = more if more and name.startswith(("MEDIA_BUG", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE")) else []
        last = [] if first else more or []
        self._bus.publish(name, [*first, *self._headers(), *last], body, subclass)

    def _headers(self) -> list[tuple[str, str]]:
        variables = [(f"variable_{name}", value) for name, value in self.variables.items()]
        other = [] if self.bridge is None else self.bridge.other_headers(self)
        return [*self._state_headers(), *self._caller_headers(), *other, *variables]

    def _state_headers(self) -> list[tuple[str, str]]:
        pairs = [
            ("Channel-State", self._running),
            ("Channel-Call-State", self.call_state),
            ("Channel-State-Number", str(self.state.value)),
            ("Channel-Name", self.name),
            ("Unique-ID", self.uuid),
            ("Call-Direction", self.direction),
            ("Presence-Call-Direction", self.direction),
            ("Channel-HIT-Dialplan", "true" if self._flipped or self.direction == "inbound" else "false"),
            ("Channel-Call-UUID", self.uuid),
            ("Answer-State", self.answer_state),
        ]
        if self.cause:
            pairs.append(("Hangup-Cause", self.cause))
        return [*pairs, *channel_headers.codec_headers()] if self.answered else pairs

    @property
    def _flipped(self) -> bool:
        return "channel_cid_flipped" in self.variables

    def profile_headers(self, prefix: str) -> list[tuple[str, str]]:
        """Both ends as this channel knows them, in the headers of that name."""
        return [(f"{prefix}{name.removeprefix('Caller')}", value) for name, value in self._caller_headers()]

    def _caller_headers(self) -> list[tuple[str, str]]:
        return channel_headers.caller_headers(
            self.uuid,
            self.number,
            caller=self.caller,
            flipped=self._flipped,
            reached=self.answered or bool(self.times["Progress"] or self.times["Progress-Media"]),
            times=self.times,
        )


MEDIA_BUG: Final = [("Media-Bug-Function", "audio_stream"), ("Media-Bug-Target", "N/A")]
