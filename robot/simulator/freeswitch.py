"""A FreeSWITCH to try the robot against: builds the parts, drives them, and is the face that tests and the CLI use."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from uuid import uuid4

from robot.simulator import sound
from robot.simulator.api import Api
from robot.simulator.audio_stream import AudioStream
from robot.simulator.callees_file import Callee, CalleesFile, HangUp, Say, SimulatorTable, find_callee, load_callees
from robot.simulator.channel import Channel
from robot.simulator.dial_string import BadDialString, Endpoint, parse_dial_string
from robot.simulator.errors import SimulatorError
from robot.simulator.event_socket import SHUT_DOWN, Connection, answer_of
from robot.simulator.events import EventBus
from robot.simulator.heard import Heard
from robot.simulator.incoming import IncomingChannel
from robot.simulator.line import CalleeLine, Sentence
from robot.simulator.originate import Originate
from robot.simulator.outbound_socket import OutboundSocket
from robot.simulator.sound import FRAME_MS
from robot.simulator.switch_status import uptime
from robot.simulator.timeline import PacedTimeline, Timeline
from robot.simulator.voice import CalleeVoice

log = logging.getLogger(__name__)

HEARTBEAT_MS: Final = 20_000
# Between the SHUTDOWN event and the disconnect notice, measured.
SHUTDOWN_MS: Final = 1_100
# What the callees of this many calls heard is kept; older ones are forgotten.
MAX_REMEMBERED_CALLS: Final = 1_000
# Nobody has this number.
_NOBODY: Final = Callee(number="*", answer="unallocated")


def _itself(tone_ms: int) -> Callee:
    """The far end of a call of FreeSWITCH to itself."""
    says = (Say(after="answer", text="a tone"),)
    return Callee(number="itself", ring_ms=0, says=says, hang_up=HangUp(after="answer", wait_ms=tone_ms))


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """`event_socket_port` 0 takes any free port. `codec` PCMU: the line is a telephone's, 8 kHz and mu-law; L16: 16
    kHz as it is. `recordings`: a folder that gets `<uuid>.wav`, what each callee heard. `timeline`: for tests, which
    then move the time themselves.

    modules_missing: not loaded. stream_limit: streams at once, as the free binary edition of mod_audio_stream has one;
    that of the open one has none. clock_ahead_s: against the clock of this machine. hook: where the dialplan brings the
    calls that come in.
    """

    host: str = "127.0.0.1"
    event_socket_port: int = 0
    password: str = "ClueCon"  # noqa: S105 - FreeSWITCH's default, known to everybody
    gateways: frozenset[str] = frozenset({"trunk"})
    audio_stream: bool = True
    codec: str = "PCMU"
    recordings: Path | None = None
    voice_cache: Path | None = None
    timeline: Timeline | None = None
    gateways_down: frozenset[str] = frozenset()
    modules_missing: frozenset[str] = frozenset()
    stream_limit: int | None = None
    max_sessions: int = 1000
    sessions_per_second: int = 30
    clock_ahead_s: float = 0.0
    hook: tuple[str, int] = ("127.0.0.1", 8084)

    def with_table(self, table: SimulatorTable) -> SimulatorSettings:
        """These settings with what the [simulator] table of a callees file says."""
        return replace(self, audio_stream=table.audio_stream, gateways=frozenset(table.gateways))


class SimulatedFreeSwitch:
    """One simulated FreeSWITCH with its callees. `start`, then `event_socket_port` is where clients connect.

    All audio of all channels moves in one 20 ms tick with absolute deadlines.
    """

    def __init__(self, settings: SimulatorSettings, callees: CalleesFile | Sequence[Callee]) -> None:
        """A callees file brings its own [simulator] table, which goes before `settings`."""
        if isinstance(callees, CalleesFile):
            settings = settings.with_table(callees.simulator)
            callees = callees.callee
        self.settings = settings
        self.callees = tuple(callees)
        self.gateways_down = set(settings.gateways_down)
        self.rate = 8000 if settings.codec == "PCMU" else 16000
        self.channels: dict[str, Channel] = {}
        self.calls: OrderedDict[str, Channel] = OrderedDict()  # the last ones, alive or ended, by uuid
        self.sessions = 0
        self.peak = 0
        self.timeline: Timeline
        self.bus: EventBus
        self.api = Api(self)
        self.event_socket_port = 0
        self._connections: dict[Connection, asyncio.Task[None]] = {}
        self._streams: set[AudioStream] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pace: asyncio.Task[None] | None = None
        self._server: asyncio.Server | None = None
        self._sentences: dict[str, list[Sentence]] = {}
        self._closed = False

    # Start and end

    async def start(self) -> None:
        """Give the callees their voices and open the event socket.

        Raises SimulatorError when the port is taken, NoVoice or SoundError when a callee cannot speak.
        """
        voice = CalleeVoice(self.settings.voice_cache)
        self._sentences = await asyncio.to_thread(self._rehearse, voice)
        self.timeline = self.settings.timeline or PacedTimeline()
        self.bus = EventBus(self.timeline)
        await self._listen(self.settings.event_socket_port)
        self._tick_at(self.timeline.now_ms + FRAME_MS)
        self.timeline.call_in(HEARTBEAT_MS, self._heartbeat)
        if isinstance(self.timeline, PacedTimeline):
            self._pace = asyncio.create_task(self.timeline.run(), name="simulator-pace")
            self._pace.add_done_callback(self._pace_ended)

    async def __aenter__(self) -> SimulatedFreeSwitch:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """End everything at once and wait until nothing runs any more. May be called twice."""
        self._closed = True
        self.kill()
        if self._pace is not None:
            self._pace.cancel()
        if self._server is not None:
            await self._server.wait_closed()
        streams = [stream.wait_closed() for stream in self._streams]
        tasks = [*self._connections.values(), *self._tasks, *([self._pace] if self._pace else [])]
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*streams, *tasks, return_exceptions=True)

    def _pace_ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.critical("the simulator's clock died: the simulated FreeSWITCH ends", exc_info=error)
            self.kill()

    def _rehearse(self, voice: CalleeVoice) -> dict[str, list[Sentence]]:
        return {callee.number: [self._sentence(say, voice) for say in callee.says] for callee in self.callees}

    def _sentence(self, say: Say, voice: CalleeVoice) -> Sentence:
        file = say.audio if say.audio is not None else voice.wav(say.text or "")
        return Sentence(say.text or file.name, sound.read_clip(str(file), self.rate))

    async def _listen(self, port: int) -> None:
        try:
            self._server = await asyncio.start_server(self._connected, self.settings.host, port)
        except OSError as error:
            raise SimulatorError(
                f"the simulator cannot listen on {self.settings.host}:{port}: {error.strerror or error}; "
                "choose another port, or stop what uses it"
            ) from error
        self.event_socket_port = int(self._server.sockets[0].getsockname()[1])

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._attend(Connection(self, reader, writer))

    async def _attend(self, connection: Connection) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[connection] = task
        self.bus.listeners.append(connection)
        try:
            await connection.serve()
        finally:
            self.bus.listeners.remove(connection)
            del self._connections[connection]

    # Time

    def _tick_at(self, due_ms: float) -> None:
        def tick() -> None:
            for channel in list(self.channels.values()):
                if channel.ticks:
                    channel.tick()
            self._tick_at(due_ms + FRAME_MS)

        self.timeline.call_at(due_ms, tick)

    def _heartbeat(self) -> None:
        up_ms = int(self.timeline.now_ms)
        self.bus.publish(
            "HEARTBEAT",
            [
                ("Event-Info", "System Ready"),
                ("Up-Time", uptime(up_ms).removeprefix("UP ")),
                ("FreeSWITCH-Version", "1.11.3-dev"),
                ("Uptime-msec", str(up_ms)),
                ("Session-Count", str(len(self.channels))),
                ("Max-Sessions", str(self.settings.max_sessions)),
                ("Session-Per-Sec", str(self.settings.sessions_per_second)),
                ("Session-Since-Startup", str(self.sessions)),
                ("Session-Peak-Max", str(self.peak)),
                ("Idle-CPU", "100.000000"),
                ("Heartbeat-Interval", str(HEARTBEAT_MS // 1000)),
            ],
        )
        self.timeline.call_in(HEARTBEAT_MS, self._heartbeat)

    # What the api does

    def background(self, line: str, job_uuid: str) -> None:
        """`bgapi`: BACKGROUND_JOB tells the answer when it is there."""
        name, _, arguments = line.strip().partition(" ")

        def tell(answer: str) -> None:
            job = [("Job-UUID", job_uuid), ("Job-Command", name)]
            if arguments:
                job.append(("Job-Command-Arg", arguments))
            self.bus.publish("BACKGROUND_JOB", job, (answer or "-ERR no reply\n").encode())

        if name == "originate" and arguments.strip():
            self.originate(arguments.strip(), tell)  # its events and its answer have an order to keep
            return
        answer = self.api.run(line)
        if isinstance(answer, str):
            tell(answer)
            return

        async def wait() -> None:
            tell(await answer_of(answer))

        self._background(wait())

    def _background(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def originate(self, text: str, tell: Callable[[str], None]) -> None:
        """Call, and `tell` the answer (`+OK uuid` or `-ERR CAUSE`) at its place among the events."""
        try:
            dial_string = parse_dial_string(text)
        except BadDialString as error:
            tell(f"-ERR {error}\n")
            return
        Originate(self, dial_string, tell).next_group()

    def new_channel(self, endpoint: Endpoint, uuid: str, variables: dict[str, str]) -> Channel:
        if endpoint.tone_ms is None:
            callee = find_callee(self.callees, endpoint.number) or _NOBODY
            sentences = self._sentences.get(callee.number, [])
        else:
            callee = _itself(endpoint.tone_ms)
            sentences = [Sentence("a tone", sound.key_five(endpoint.tone_ms, self.rate))]
        line = self._line(callee, sentences)
        channel = Channel(
            uuid=uuid,
            number=endpoint.number,
            gateway=endpoint.gateway,
            name=endpoint.channel_name,
            callee=callee,
            line=line,
            variables=variables,
            session=self.sessions,
            bus=self.bus,
            timeline=self.timeline,
            rate=self.rate,
            mulaw=self.settings.codec == "PCMU",
            on_destroyed=self._destroyed,
        )
        self._remember(channel)
        return channel

    def call_in(
        self,
        caller: str,
        dialled: str,
        variables: Mapping[str, str] | None = None,
        *,
        uuid: str | None = None,
        hook: tuple[str, int] | None = None,
    ) -> str:
        """`caller`, a number of the callees file, calls `dialled`; the dialplan brings the call to `hook`, by default
        that of the settings. Gives back the channel's uuid. `variables`: what the dialplan has set.

        Who is not in the file says nothing. One whose `answer` is `no_answer` gives up after `ring_ms`.
        """
        callee = find_callee(self.callees, caller) or Callee(number="*")
        line = self._line(callee, self._sentences.get(callee.number, []))
        channel = IncomingChannel(
            uuid=uuid or str(uuid4()),
            caller=caller,
            dialled=dialled,
            callee=callee,
            line=line,
            variables=dict(variables or {}),
            session=self.sessions,
            bus=self.bus,
            timeline=self.timeline,
            rate=self.rate,
            mulaw=self.settings.codec == "PCMU",
            on_destroyed=self._destroyed,
        )
        self._remember(channel)
        host, port = hook or self.settings.hook
        channel.run_dialplan(host, port)
        self._background(self._bring(channel, host, port))
        return channel.uuid

    async def _bring(self, channel: IncomingChannel, host: str, port: int) -> None:
        try:
            reader, writer = await asyncio.open_connection(host, port)
        except OSError:
            channel.nobody_listens()
        else:
            await self._attend(OutboundSocket(self, channel, reader, writer))

    def _line(self, callee: Callee, sentences: list[Sentence]) -> CalleeLine:
        """The far end of one more session."""
        self.sessions += 1
        return CalleeLine(callee, sentences, self.rate, mulaw=self.settings.codec == "PCMU", place=self.sessions)

    def _remember(self, channel: Channel) -> None:
        self.channels[channel.uuid] = channel
        self.calls[channel.uuid] = channel
        while len(self.calls) > MAX_REMEMBERED_CALLS:
            self.calls.popitem(last=False)
        self.peak = max(self.peak, len(self.channels))

    def _destroyed(self, channel: Channel) -> None:
        del self.channels[channel.uuid]
        if self.settings.recordings is not None and channel.answered:
            channel.line.heard.save_wav(self.settings.recordings / f"{channel.uuid}.wav")

    def keep(self, stream: AudioStream) -> None:
        """Remember a stream, so that `close` can wait for it."""
        self._streams = {kept for kept in self._streams if kept.running} | {stream}

    # What tests and people look at and break

    def heard(self, uuid: str) -> Heard:
        """What the callee of this call heard and said. Raises KeyError for a call that never was, or is long gone."""
        return self.calls[uuid].line.heard

    def shutdown(self) -> None:
        """As on SIGTERM: event SHUTDOWN, every call ends with SYSTEM_SHUTDOWN, a notice 1.1 s later, then EOF."""
        self._stop_listening()
        self.bus.publish("SHUTDOWN", [("Event-Info", "System Shutting Down")])
        for channel in list(self.channels.values()):
            channel.hang_up("SYSTEM_SHUTDOWN")
        self.timeline.call_in(SHUTDOWN_MS, self._say_goodbye)

    def _say_goodbye(self) -> None:
        for connection in list(self._connections):
            connection.say_goodbye(SHUT_DOWN)

    def kill(self) -> None:
        """As on kill -9, `fsctl shutdown now` or a crash: every socket ends without a word, every call is gone."""
        self._stop_listening()
        for connection in list(self._connections):
            connection.end()
        for channel in self.channels.values():
            channel.vanish()
        for stream in self._streams:
            stream.abort()
        self.channels.clear()

    def crash(self, why: str) -> None:
        """Do what made the real FreeSWITCH fall over."""
        log.error("the simulated FreeSWITCH crashes as the real one does: %s", why)
        self.kill()

    def drop_connections(self) -> None:
        """Every event socket connection breaks (a network that fails); FreeSWITCH and its calls go on."""
        for connection in list(self._connections):
            connection.abort()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()

    async def restart(self) -> None:
        """After `shutdown` or `kill`: listen on the same port again, without calls, with a new Core-UUID."""
        listeners = self.bus.listeners
        self.bus = EventBus(self.timeline)
        self.bus.listeners = listeners
        await self._listen(self.event_socket_port)


async def serve(settings: SimulatorSettings, callees: Path) -> None:
    """`robot simulate`: run the callees of a file until cancelled, and say where and whom to call.

    Raises CalleesError and what `SimulatedFreeSwitch.start` raises.
    """
    simulator = SimulatedFreeSwitch(settings, load_callees(callees))
    async with simulator:
        print(f"Event socket: {settings.host}:{simulator.event_socket_port}")
        for callee in simulator.callees:
            for gateway in sorted(simulator.settings.gateways):
                print(f"  sofia/gateway/{gateway}/{callee.number}  {callee.answer}")
        print("Ctrl-C ends it.", flush=True)
        await asyncio.Event().wait()
