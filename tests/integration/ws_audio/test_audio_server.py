"""The audio server over real sockets: who gets in, what is heard, and how it ends."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.waiting import until
from ws_audio.errors import PortInUse, ServerNotStarted
from ws_audio.events import (
    AudioEvent,
    AudioStalled,
    SpeechContinues,
    SpeechEnded,
    SpeechStarted,
    StreamClosed,
    StreamOpened,
    StreamStarted,
    TranscriptionFailed,
)
from ws_audio.frames import Samples
from ws_audio.server import MAX_FRAGMENT_BYTES, AudioServer, AudioServerSettings, Refusal, StreamTicket
from ws_audio.stream import StreamOptions
from ws_audio.transcription.engine import Transcript
from ws_audio.transcription.scheduler import TranscriptionScheduler

VOICED, SILENT = b"\x01" * 640, bytes(640)


class ScriptedDetector:
    """Takes a frame for speech when its first byte is not 0."""

    def __init__(self, rate: int, aggressiveness: int) -> None:
        pass

    def is_speech(self, frame: bytes) -> bool:
        return frame[0] != 0


class Heard(list[AudioEvent]):
    """A listener that keeps what it is told."""

    def __call__(self, event: AudioEvent) -> None:
        self.append(event)

    async def until(self, *kinds: type[AudioEvent]) -> AudioEvent:
        """The first event of `kinds`, as soon as it is there."""
        await until(lambda: any(isinstance(event, kinds) for event in self))
        return next(event for event in self if isinstance(event, kinds))


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    """A test of a server ends with the tasks that it began with."""
    before = asyncio.all_tasks()
    yield
    await until(lambda: not asyncio.all_tasks() - before - {asyncio.current_task()})


@pytest.fixture
async def server() -> AsyncIterator[AudioServer]:
    settings = AudioServerSettings(port=0, max_streams=3, close_timeout_s=0.2)
    server = AudioServer(settings, detector=ScriptedDetector)
    await server.start()
    yield server
    await server.close()


async def dial(server: AudioServer, ticket: StreamTicket, **headers: str) -> ClientConnection:
    """Connect as mod_audio_stream does."""
    url = f"ws://127.0.0.1:{server.port}{ticket.path}"
    given = {"Authorization": ticket.authorization, **headers}
    return await connect(url, additional_headers=given, compression=None, ping_interval=None)


async def refused(server: AudioServer, path: str, authorization: str | None) -> int:
    """The status that a connection is refused with."""
    headers = {} if authorization is None else {"Authorization": authorization}
    with pytest.raises(InvalidStatus) as refusal:
        await connect(f"ws://127.0.0.1:{server.port}{path}", additional_headers=headers)
    return refusal.value.response.status_code


async def test_speech_on_the_wire_becomes_events(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    async with await dial(server, ticket) as client:
        await client.send('{"metadata": "ignored"}')
        for frame in [SILENT] * 5 + [VOICED] * 10 + [SILENT] * 35:
            await client.send(frame)
        await heard.until(SpeechEnded)
        assert server.open_streams == 1
    await heard.until(StreamClosed)
    assert [event for event in heard if not isinstance(event, SpeechContinues | StreamStarted)] == [
        StreamOpened("call-1"),
        SpeechStarted(100),
        SpeechEnded(1, 100, 300, 1000),
        StreamClosed("call-1", 1000, ""),
    ]
    started = await heard.until(StreamStarted)
    assert isinstance(started, StreamStarted)
    assert 0 <= asyncio.get_running_loop().time() - started.arrived_at < 5
    assert server.open_streams == 0


async def test_messages_of_any_length_and_fragments_are_the_same_audio(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    audio = VOICED * 10 + SILENT * 35
    async with await dial(server, ticket) as client:
        await client.send(audio[:3201])
        await client.send([audio[3201:5000], audio[5000:5003], audio[5003:9000]])  # one message in three fragments
        await client.send(["te", "xt"])
        await client.send(audio[9000:])
        assert await heard.until(SpeechEnded) == SpeechEnded(1, 0, 200, 900)


@pytest.mark.parametrize("letters", [0, 1, MAX_FRAGMENT_BYTES, MAX_FRAGMENT_BYTES + 1, 100_000])
async def test_a_text_is_sent_in_frames_below_8_kb(server: AudioServer, letters: int) -> None:
    ticket = server.expect("call-1", StreamOptions(), Heard())
    text = "é" + "x" * letters
    assert not server.send_text("call-1", text)
    assert not server.send_text("nobody", text)
    async with await dial(server, ticket) as client:
        assert server.send_text("call-1", text)
        frames = [frame async for frame in client.recv_streaming(decode=False)]
        assert b"".join(frames).decode() == text
        assert max(map(len, frames)) <= 8000
        assert server.send_text("call-1", "second")
        assert await client.recv() == "second"


async def test_a_client_that_does_not_read_is_sent_no_more_and_heard_all_the_same(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    async with await dial(server, ticket) as client:
        client.transport.pause_reading()
        sent = 0
        while server.send_text("call-1", "x" * 1_000_000):
            sent += 1
            assert sent < 50
        await client.send(VOICED * 10)
        await heard.until(SpeechStarted)
        client.transport.resume_reading()
        for _ in range(sent):
            assert len(await client.recv()) == 1_000_000


@pytest.mark.parametrize(
    ("path", "authorization", "status", "reason"),
    [
        ("/", "right", 404, Refusal.UNKNOWN_PATH),
        ("/ws", "right", 404, Refusal.UNKNOWN_PATH),
        ("/stream/", "right", 404, Refusal.UNKNOWN_STREAM),
        ("/stream/call-2", "right", 404, Refusal.UNKNOWN_STREAM),
        ("/stream/call-1/", "right", 404, Refusal.UNKNOWN_STREAM),
        ("/stream/call-1", None, 401, Refusal.NO_TICKET),
        ("/stream/call-1", "", 401, Refusal.WRONG_TICKET),
        ("/stream/call-1", "Bearer wrong", 401, Refusal.WRONG_TICKET),
        ("/stream/call-1?token=wrong", "Basic cm9ib3Q6", 401, Refusal.WRONG_TICKET),
    ],
)
async def test_who_is_not_invited_is_refused_and_counted(
    server: AudioServer, path: str, authorization: str | None, status: int, reason: Refusal
) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    if authorization == "right":
        authorization = ticket.authorization
    assert await refused(server, path, authorization) == status
    assert server.refused == {reason: 1}
    assert heard == []
    async with await dial(server, ticket):  # what was refused has not used the token up
        await heard.until(StreamOpened)


async def test_a_request_that_is_no_websocket_does_not_use_the_token_up(server: AudioServer) -> None:
    ticket = server.expect("call-1", StreamOptions(), Heard())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {ticket.path} HTTP/1.1\r\nHost: x\r\nAuthorization: {ticket.authorization}\r\n\r\n".encode())
    assert (await reader.readline()).split()[1] == b"426"
    writer.close()
    await writer.wait_closed()
    async with await dial(server, ticket):
        assert server.open_streams == 1


async def test_a_token_opens_once(server: AudioServer) -> None:
    ticket = server.expect("call-1", StreamOptions(), Heard())
    async with await dial(server, ticket):
        assert await refused(server, ticket.path, ticket.authorization) == 403
    assert await refused(server, ticket.path, ticket.authorization) == 403
    assert server.refused == {Refusal.USED_TICKET: 2}


async def test_no_more_streams_than_allowed(server: AudioServer) -> None:
    tickets = [server.expect(f"call-{number}", StreamOptions(), Heard()) for number in range(4)]
    clients = [await dial(server, ticket) for ticket in tickets[:3]]
    assert await refused(server, tickets[3].path, tickets[3].authorization) == 503
    await clients[0].close()
    await until(lambda: server.open_streams == 2)
    clients.append(await dial(server, tickets[3]))
    for client in clients:
        await client.close()


async def test_a_dropped_stream_is_announced_again_with_a_fresh_token(server: AudioServer) -> None:
    first, second = Heard(), Heard()
    old = server.expect("call-1", StreamOptions(), first)
    client = await dial(server, old)
    await client.send(VOICED * 5)
    await first.until(SpeechStarted)
    new = server.expect("call-1", StreamOptions(), second)
    assert isinstance(first[-1], StreamClosed)  # told at once, before the client has answered
    assert isinstance(first[-2], SpeechEnded)
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert await refused(server, old.path, old.authorization) == 401
    async with await dial(server, new) as again:
        await again.send(VOICED * 5)
        assert await second.until(SpeechStarted) == SpeechStarted(0)
    assert sum(isinstance(event, StreamClosed) for event in first) == 1


async def test_a_forgotten_stream_is_closed_and_silent(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    client = await dial(server, ticket)
    await client.send(VOICED * 5)
    await heard.until(SpeechStarted)
    told = len(heard)
    server.forget("call-1")
    with pytest.raises(ConnectionClosed):
        await client.recv()
    assert len(heard) == told
    assert await refused(server, ticket.path, ticket.authorization) == 404
    server.forget("call-1")  # once more is no error


async def test_the_listener_is_configured_in_mid_call(server: AudioServer) -> None:
    server.expect("call-1", StreamOptions(), Heard())
    server.configure("call-1", StreamOptions(language="fr"))
    assert server.options("call-1").language == "fr"
    with pytest.raises(KeyError):
        server.configure("call-2", StreamOptions())
    with pytest.raises(ValueError, match="no stream id"):
        server.expect("../call-1", StreamOptions(), Heard())


async def test_a_listener_that_raises_loses_its_stream_and_no_other(
    server: AudioServer, caplog: pytest.LogCaptureFixture
) -> None:
    good = Heard()
    told: list[AudioEvent] = []

    def bad(event: AudioEvent) -> None:
        told.append(event)
        if isinstance(event, SpeechStarted):
            raise ZeroDivisionError

    clients = [
        await dial(server, server.expect("bad", StreamOptions(), bad)),
        await dial(server, server.expect("good", StreamOptions(), good)),
    ]
    for client in clients:
        await client.send(VOICED * 5)
    with pytest.raises(ConnectionClosed) as closed:
        await clients[0].recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    await until(lambda: isinstance(told[-1], StreamClosed))
    assert "ZeroDivisionError" in caplog.text
    await good.until(SpeechStarted)
    await clients[1].send(SILENT * 40)
    await good.until(SpeechEnded)
    await clients[1].close()


async def test_a_stream_without_audio_is_told_once_for_each_stall(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(stall_ms=20), heard)
    async with await dial(server, ticket) as client:
        stalled = await heard.until(AudioStalled)
        assert isinstance(stalled, AudioStalled)
        assert stalled.waited_ms >= 20
        await asyncio.sleep(0.06)
        assert sum(isinstance(event, AudioStalled) for event in heard) == 1
        await client.send(SILENT)
        await until(lambda: sum(isinstance(event, AudioStalled) for event in heard) == 2)


async def test_a_client_that_dies_closes_its_stream(server: AudioServer) -> None:
    heard = Heard()
    client = await dial(server, server.expect("call-1", StreamOptions(), heard))
    await client.send(VOICED * 5)
    await heard.until(SpeechStarted)
    client.transport.abort()
    closed = await heard.until(StreamClosed)
    assert isinstance(closed, StreamClosed)
    assert closed.code == 1006
    assert heard[-2] == SpeechEnded(1, 0, 100, 100)
    assert server.open_streams == 0


async def test_a_message_that_is_too_long_closes_its_stream(server: AudioServer) -> None:
    heard = Heard()
    client = await dial(server, server.expect("call-1", StreamOptions(), heard))
    await client.send(bytes(64 * 1024 + 1))
    closed = await heard.until(StreamClosed)
    assert isinstance(closed, StreamClosed)
    assert closed.code == 1009


async def test_a_close_is_answered_before_anything_else_happens(server: AudioServer) -> None:
    """FreeSWITCH holds the hangup for one second when it is not."""
    client = await dial(server, server.expect("call-1", StreamOptions(), Heard()))
    async with asyncio.timeout(0.9):
        await client.close()
    assert client.protocol.close_rcvd is not None
    assert client.protocol.close_rcvd.code == 1000


async def test_a_server_that_closes_ends_its_streams_and_their_texts(caplog: pytest.LogCaptureFixture) -> None:
    class NeverEngine:
        def transcribe(self, audio: Samples, language: str | None, vocabulary: tuple[str, ...]) -> Transcript:
            raise AssertionError("not reached: the scheduler is not given a worker")

    scheduler = TranscriptionScheduler(NeverEngine(), workers=1)
    server = AudioServer(AudioServerSettings(port=0), scheduler, detector=ScriptedDetector)
    await server.start()
    scheduler.start()
    heard = Heard()
    client = await dial(server, server.expect("call-1", StreamOptions(), heard))
    await client.send(VOICED * 20)
    await heard.until(SpeechStarted)
    await scheduler.close()
    await server.close()
    with pytest.raises(ConnectionClosed) as closed:
        await client.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    kinds = [type(event) for event in heard[-3:]]
    assert kinds == [SpeechEnded, TranscriptionFailed, StreamClosed]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
    await server.close()  # once more is no error


async def test_a_port_that_is_taken_is_said_with_what_to_do(server: AudioServer) -> None:
    second = AudioServer(AudioServerSettings(port=server.port))
    with pytest.raises(PortInUse, match=f"port {server.port} of 127.0.0.1 is in use.*choose another port"):
        await second.start()
    await second.close()


async def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(ServerNotStarted, match="choose an address of this machine"):
        await AudioServer(AudioServerSettings(host="192.0.2.1", port=0)).start()


async def test_who_connects_and_says_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    server = AudioServer(AudioServerSettings(port=0, open_timeout_s=0.05))
    await server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as silent:
        silent.setblocking(False)
        received = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(silent, 100), 5)
    assert received == b""
    await server.close()


async def test_the_time_from_the_arrival_of_audio_to_what_it_led_to_is_counted(server: AudioServer) -> None:
    heard = Heard()
    ticket = server.expect("call-1", StreamOptions(), heard)
    connection = await dial(server, ticket)
    for _ in range(20):
        await connection.send(VOICED)
    await heard.until(SpeechStarted)
    await until(lambda: sum(server.delays.counts) == 20)
    assert 0 < server.delays.total_s < 20
    await connection.close()
