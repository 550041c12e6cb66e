"""The recorded commands, sent to the simulator at the recorded times: it must answer as the real FreeSWITCH did.

Simulated time is moved by the test, so the recordings' minutes pass in seconds and nothing depends on the machine.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from robot.simulator.callees_file import Callee, Dtmf, HangUp, Say
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.sound import tone, write_wav
from robot.simulator.timeline import Timeline
from tests.integration.simulator.plain_client import PlainClient, Received
from tests.integration.simulator.trace import Item, read_trace

STEP_MS = 20.0
# Headers whose values differ from call to call: they have to be there.
PRESENT_ONLY = {"Application-UUID", "Job-UUID", "Core-UUID"}
# Seen at once in some recordings and a poll later in others; and PLAYBACK_START right after the park, which the
# recordings have at 200 ms and other measurements at 320 ms.
TIME_TOLERANCE_MS = 70
START_TOLERANCE_MS = 160
SAMPLES_TOLERANCE = START_TOLERANCE_MS * 8


class ListeningServer:
    """The recordings' WebSocket server: notes what it sees, and does per path what the recorded one did."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self.seen: dict[str, list[str]] = {}
        self.frames: dict[str, list[int]] = {}
        self.arrivals_ms: dict[str, list[float]] = {}

    async def handle(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        path = socket.request.path
        headers = socket.request.headers
        kept = [f"{name}: {headers[name]}" for name in ("Origin", "Authorization") if name in headers]
        seen = self.seen.setdefault(path, [])
        seen.append(f"CONNECT {path} {kept} extensions: {headers.get_all('Sec-WebSocket-Extensions')}")
        frames, arrivals = self.frames.setdefault(path, []), self.arrivals_ms.setdefault(path, [])
        if path == "/play":
            audio = {"audioDataType": "raw", "sampleRate": 8000, "audioData": base64.b64encode(bytes(320)).decode()}
            await socket.send(json.dumps({"type": "streamAudio", "data": audio}))
            await socket.send('{"type":"transcription","text":"hello"}')
            await socket.send("not json")
        if path == "/close":
            self._timeline.call_in(400, lambda: self._close_soon(socket))
        if path == "/slow":
            await self._pass(3000)
        try:
            async for message in socket:
                if isinstance(message, str):
                    seen.append(f"TEXT {message}")
                else:
                    frames.append(len(message))
                    arrivals.append(self._timeline.now_ms)
        except ConnectionClosed:
            pass
        seen.append(f"CLOSED {socket.close_code} {socket.close_reason}")

    def _close_soon(self, socket: ServerConnection) -> None:
        self._closing = asyncio.create_task(socket.close(1011, "server going"))

    async def _pass(self, ms: float) -> None:
        passed = asyncio.Event()
        self._timeline.call_in(ms, passed.set)
        await passed.wait()


class Replay:
    """One recording against one simulator."""

    def __init__(self, simulator: SimulatedFreeSwitch, timeline: Timeline, folder: Path) -> None:
        self.simulator = simulator
        self.timeline = timeline
        self.folder = folder
        self.ports: dict[int, int] = {}
        self.arrived: list[tuple[float, Received]] = []
        self._counted = 0

    async def play(self, items: list[Item], client: PlainClient | None = None) -> PlainClient:
        """`client`: the connection to play them on, where it is not we who connect."""
        client = client or await PlainClient.connect(self.simulator.event_socket_port, password=None)
        self._note(client)
        start_ms = items[0].at_ms
        for item in items:
            await self.advance_to(client, item.at_ms - start_ms)
            if item.kind == ">>":
                before = len(client.replies)
                client.send(self._localised(item.text))
                await client.until(lambda before=before: len(client.replies) > before)
                self._note(client)
            elif item.text == "[EOF]" and client.replies[-1].content_type == "text/disconnect-notice":
                await client.end()
        if not client.ended:
            await self.advance_to(client, self.timeline.now_ms + TIME_TOLERANCE_MS)
        return client

    async def advance_to(self, client: PlainClient, until_ms: float) -> None:
        while self.timeline.now_ms < until_ms:
            self.timeline.advance_to(min(until_ms, self.timeline.now_ms + STEP_MS))
            await self.settle()
            self._note(client)

    async def settle(self) -> None:
        """Let what is on the sockets arrive, on this machine, while simulated time stands still."""
        for _ in range(6):
            await asyncio.sleep(0)

    def _note(self, client: PlainClient) -> None:
        for received in client.received[self._counted :]:
            self.arrived.append((self.timeline.now_ms, received))
        self._counted = len(client.received)

    def _localised(self, command: str) -> str:
        for recorded, ours in self.ports.items():
            command = command.replace(f"127.0.0.1:{recorded}", f"127.0.0.1:{ours}")
        return command.replace("/audio/", f"{self.folder}/")

    def recorded(self, text: str) -> str:
        """What the simulator said, in the recording's words."""
        for recorded, ours in self.ports.items():
            text = text.replace(f"127.0.0.1:{ours}", f"127.0.0.1:{recorded}")
        return text.replace(f"{self.folder}/", "/audio/")


def recorded_callees(folder: Path) -> list[Callee]:
    """Those who answered when the recordings were made."""
    interested = Say(after="answer", wait_ms=2500, audio=folder / "interested8.wav")
    keys = Dtmf(after="answer", wait_ms=1680, digits="123#")
    return [
        Callee(number="+1000", ring_ms=0),  # behind the gateway, but no extension
        Callee(number="1001", ring_ms=0, says=(interested,)),
        Callee(number="1004", answer="busy"),
        Callee(number="1005", answer="no_answer"),
        Callee(number="1006", ring_ms=5980, early_media=True),
        Callee(number="1007", ring_ms=0, hang_up=HangUp(after="answer", wait_ms=3000)),
        Callee(number="1008", ring_ms=0, dtmf=(keys,)),
        Callee(number="1009", answer="reject"),
        Callee(number="1010", ring_ms=0),
        Callee(number="4999", answer="unallocated"),
    ]


@pytest.fixture
def audio(tmp_path: Path) -> Path:
    """The recordings' files: other sound, the same lengths."""
    for name, samples in {"prompt8": 72000, "interested8": 29907, "yes8": 5201, "short8": 5573}.items():
        write_wav(tmp_path / f"{name}.wav", np.resize(tone(440, 9000, 8000), samples), 8000)
    return tmp_path


async def replayed(name: str, audio: Path) -> tuple[Replay, list[Item], ListeningServer]:
    timeline = Timeline()
    settings = SimulatorSettings(
        timeline=timeline, gateways=frozenset({"trunk", "dead"}), gateways_down=frozenset({"dead"})
    )
    listening = ListeningServer(timeline)
    items = read_trace(name)
    silent: list[asyncio.StreamWriter] = []
    deaf = await asyncio.start_server(lambda _reader, writer: silent.append(writer), "127.0.0.1", 0)
    async with (
        SimulatedFreeSwitch(settings, recorded_callees(audio)) as simulator,
        serve(listening.handle, "127.0.0.1", 0) as server,
    ):
        replay = Replay(simulator, timeline, audio)
        replay.ports = {8080: port_of(server), 8021: port_of(deaf), 8099: free_port()}
        client = await replay.play(items)
        await client.close()
    for writer in silent:
        writer.close()
    deaf.close()
    return replay, items, listening


def port_of(server: Server | asyncio.Server) -> int:
    (socket,) = server.sockets
    return int(socket.getsockname()[1])


def free_port() -> int:
    """A port on which nothing listens."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def replies_match(replay: Replay, items: list[Item]) -> None:
    ours = [received.frame for _, received in replay.arrived if received.event is None]
    theirs = [item for item in items if item.kind == "<<" and not item.event and item.text != "[EOF]"]
    assert [frame.content_type for frame in ours] == [item.headers.get("Content-Type", "") for item in theirs]
    for frame, item in zip(ours, theirs, strict=True):
        ours_text = frame.body.decode() if frame.content_type == "text/disconnect-notice" else frame.reply
        assert comparable(ours_text) == comparable(item.reply)


def comparable(text: str) -> str:
    """Without what is a call's or a machine's own: job and fresh uuids, the numbers of `status`."""
    text = text.strip()
    if text.startswith("UP "):
        return re.sub(r"\d+ (\w+?)s?\b", r"N \1", text.split("\n")[0])
    return re.sub(r"^((?:\+OK Job-UUID: )?)[0-9a-f-]{36}$", r"\1UUID", text)


def events_match(replay: Replay, items: list[Item], *, part: bool = False, by_channel: bool = False) -> None:
    """The same events in the same order, with the recorded headers. `part`: the recording lacks some events.
    by_channel: in the same order for each channel; what two of them do at the same time comes in any order."""
    theirs = [item for item in items if item.event]
    names = {item.event for item in theirs}
    ours = [(at, received) for at, received in replay.arrived if received.name in names]
    if part:
        ours = list(subsequence(ours, theirs))
    if by_channel:
        ours.sort(key=lambda pair: who(pair[1])[1])
        theirs.sort(key=lambda item: item.headers.get("Unique-ID", ""))
    assert [who(received) for _, received in ours][: len(theirs)] == [
        (item.event, item.headers.get("Unique-ID", "")) for item in theirs
    ]
    start_ms = items[0].at_ms
    for (at_ms, received), item in zip(ours, theirs, strict=False):
        tolerance = START_TOLERANCE_MS if played(item) else TIME_TOLERANCE_MS
        assert abs(at_ms - (item.at_ms - start_ms)) <= tolerance, (item, at_ms)
        headers_match(replay, received, item)


def played(item: Item) -> bool:
    """Whether the time of this event hangs on when a file began, of which the recordings have two kinds."""
    return item.event.startswith("PLAYBACK") or "playback" in item.headers.get("Application", "")


def who(received: Received) -> tuple[str, str]:
    assert received.event is not None
    return received.name, received.event.uuid


def subsequence(ours: list[tuple[float, Received]], theirs: list[Item]) -> Iterator[tuple[float, Received]]:
    left = iter(ours)
    for item in theirs:
        wanted = (item.event, item.headers.get("Unique-ID", ""))
        found = next((pair for pair in left if who(pair[1]) == wanted), None)
        assert found is not None, f"{wanted} did not come, or not in this order"
        yield found


def headers_match(replay: Replay, received: Received, item: Item) -> None:
    assert received.event is not None
    for name, value in item.headers.items():
        mine = received.event.get(name)
        assert mine is not None, (name, item)
        if name.startswith("variable_playback"):
            # What began earlier has played more when it is broken at the same time.
            assert abs(int(mine) - int(value)) <= SAMPLES_TOLERANCE, (name, mine, value)
        elif name not in PRESENT_ONLY:
            assert replay.recorded(mine) == value, (name, item)
    assert comparable_file(received.event.text.strip()) == comparable_file(item.body.strip())


def comparable_file(body: str) -> str:
    return re.sub(r'"file":"[^"]*/', '"file":"/tmp/', body)


@pytest.mark.parametrize("name", ["01", "02", "04", "05"])
async def test_calls_go_as_recorded(name: str, audio: Path) -> None:
    replay, items, _ = await replayed(name, audio)
    replies_match(replay, items)
    events_match(replay, items)


async def test_two_bridged_calls_go_as_recorded(audio: Path) -> None:
    replay, items, _ = await replayed("08", audio)
    replies_match(replay, items)
    events_match(replay, items, by_channel=True)


async def test_streams_go_as_recorded(audio: Path) -> None:
    replay, items, listening = await replayed("03", audio)
    replies_match(replay, items)
    events_match(replay, items, part=True)
    sockets_match(listening, items, replay)


def sockets_match(listening: ListeningServer, items: list[Item], replay: Replay) -> None:
    path = ""
    for item in items:
        if item.kind != "WS":
            continue
        if item.text.startswith("CONNECT"):
            path = item.text.split()[1]
            if "Host:" in item.text:
                lines = [line for line in item.text.split("\n") if line.startswith(("Origin", "Authorization"))]
                (connect,) = [line for line in listening.seen[path] if line.startswith("CONNECT")]
                assert replay.recorded(connect) == f"CONNECT {path} {lines} extensions: []"
        elif item.text.startswith("TEXT"):
            assert item.text in listening.seen[path]
        elif found := re.match(r"CLOSED code=(\d+) reason=(.*) frames=(\d+) sizes=\[(\d+)\]", item.text):
            assert listening.seen[path][-1] == f"CLOSED {found[1]} {found[2]}"
            assert set(listening.frames[path]) == {int(found[4])}
            # mixed and stereo begin with the prompt, whose start may differ.
            assert abs(len(listening.frames[path]) - int(found[3])) <= 8, item


async def test_the_first_two_frames_come_together(audio: Path) -> None:
    _, _, listening = await replayed("03", audio)
    arrivals = listening.arrivals_ms["/a"]
    gaps = np.diff(arrivals)
    assert gaps[0] == 0
    assert gaps[1:] == pytest.approx(20)


async def test_a_wrong_password_and_the_end_as_recorded(audio: Path) -> None:
    items = read_trace("07")
    wrong = next(i for i, item in enumerate(items) if item.text == "wrong password")
    timeline = Timeline()
    settings = SimulatorSettings(timeline=timeline)
    async with SimulatedFreeSwitch(settings, recorded_callees(audio)) as simulator:
        replay = Replay(simulator, timeline, audio)
        client = await replay.play(items[:wrong])
        replies_match(replay, items[:wrong])
        events_match(replay, items[:wrong])

        stranger = await PlainClient.connect(simulator.event_socket_port, password=None)
        stranger.send("auth nonsense")
        await stranger.end()
        reply, notice = stranger.replies[1:]
        theirs = [item for item in items[wrong:] if item.headers]
        assert reply.reply == theirs[0].reply
        assert notice.content_type == theirs[1].headers["Content-Type"]
        assert notice.body.decode().strip() == theirs[1].body.strip()
        assert len(notice.body) == int(theirs[1].headers["Content-Length"])

        count = len(client.received)
        client.send("api fsctl shutdown now")
        await client.end()
        assert [received.name for received in client.received[count:]] in ([], [""])
        await stranger.close()
        await client.close()


async def test_an_incoming_call_goes_as_recorded(audio: Path) -> None:
    timeline = Timeline()
    items = read_trace("06")
    connections: asyncio.Queue[PlainClient] = asyncio.Queue()
    async with SimulatedFreeSwitch(SimulatorSettings(timeline=timeline), recorded_callees(audio)) as simulator:
        hook = await asyncio.start_server(
            lambda reader, writer: connections.put_nowait(PlainClient(reader, writer)), "127.0.0.1", 0
        )
        replay = Replay(simulator, timeline, audio)
        replay.ports = {8084: port_of(hook)}
        uuid = simulator.call_in(
            "0000000000", "2000", uuid=items[1].headers["Unique-ID"], hook=("127.0.0.1", replay.ports[8084])
        )
        client = await replay.play(items, await connections.get())
        await client.close()
        hook.close()

    (data,) = [item for item in items if item.event == "CHANNEL_DATA"]
    ours = client.replies[0].headers
    for name, value in data.headers.items():
        assert name in PRESENT_ONLY or replay.recorded(unquote(ours[name])) == value, name
    events_match(replay, [item for item in items if item is not data])
    assert client.events[-1].name == "CHANNEL_HANGUP_COMPLETE"
    replies = [item for item in items if item.kind == "<<" and not item.event and item.text != "[EOF]"]
    for frame, item in zip(client.replies[1:], replies, strict=True):
        assert {name: frame.headers[name] for name in item.headers} == item.headers
        assert frame.body.decode().strip() == item.body.strip()
    assert client.ended
    assert uuid not in simulator.channels
