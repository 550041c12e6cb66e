"""The dialplan hook: against peers that do what a test says, byte for byte, and against a simulated FreeSWITCH."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import pytest
from gevent.server import StreamServer

from robot.esl import commands, hook, outbound_session
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.errors import CannotListen
from robot.esl.events import CallEvent, ChannelAnswered, ChannelHungUp, HangupCompleted
from robot.esl.frames import encode_event
from robot.esl.hook import Hook, HookSettings, IncomingCall
from robot.esl.link import LinkThread
from robot.simulator.callees_file import Callee
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from tests.waiting import until

UUID = "1d6511cf-43e6-4cec-b222-7d0bac63f9f6"
CORE = "888c700c-75da-442f-9019-4ae68a785ff4"
GREETING = b"myevents\n\nconnect\n\n"
NOTICE = b"Content-Type: text/disconnect-notice\nContent-Disposition: disconnect\nContent-Length: 4\n\nBye\n"

pytestmark = pytest.mark.usefixtures("open_files")


def channel_data(**changed: str) -> bytes:
    headers = {
        "Event-Name": "CHANNEL_DATA",
        "Core-UUID": CORE,
        "Unique-ID": UUID,
        "Answer-State": "ringing",
        "Caller-Caller-ID-Number": "%2B33140000001",
        "Caller-Destination-Number": "2000",
        "variable_campaign": "winter%20sale",
        "Content-Type": "command/reply",
        "Reply-Text": "%2BOK%0A",
        "Socket-Mode": "async",
    } | {name.replace("_", "-"): value for name, value in changed.items()}
    return "".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n"


def parked() -> bytes:
    return encode_event([("Event-Name", "CHANNEL_PARK"), ("Unique-ID", UUID)])


class Peer:
    """FreeSWITCH's end of one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self._writer = reader, writer

    @classmethod
    async def dial(cls, port: int) -> Peer:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def heard(self, data: bytes) -> None:
        async with asyncio.timeout(10):
            assert await self.reader.readexactly(len(data)) == data

    def say(self, data: bytes) -> None:
        self._writer.write(data)

    async def greeted(self, **changed: str) -> None:
        await self.heard(GREETING)
        self.say(channel_data(**changed))

    async def closed(self) -> bytes:
        """What came before the other end closed."""
        async with asyncio.timeout(10):
            rest = b""
            with suppress(ConnectionResetError):  # it had not read all that we said
                rest = await self.reader.read()
        self.hang_up()
        return rest

    def still_open(self) -> bool:
        return not self.reader.at_eof()

    def hang_up(self) -> None:
        self._writer.close()

    def reset(self) -> None:
        self._writer.transport.abort()


def has_hung_up(events: list[CallEvent]) -> bool:
    return any(isinstance(event, ChannelHungUp) for event in events)


class Calls(list[IncomingCall]):
    """Who called."""

    async def first(self, count: int = 1) -> IncomingCall:
        await until(lambda: len(self) >= count)
        return self[count - 1]


@asynccontextmanager
async def listening(**settings: Any) -> AsyncIterator[tuple[Hook, Calls]]:
    calls = Calls()
    running = Hook(HookSettings(**({"port": 0} | settings)), calls.append)
    await running.start()
    try:
        yield running, calls
    finally:
        await running.close()


class TestACall:
    async def test_it_is_announced_with_what_freeswitch_tells(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            call = await calls.first()
            assert (call.uuid, call.core_uuid, call.caller, call.dialled) == (UUID, CORE, "+33140000001", "2000")
            assert not call.answered
            assert call.variables["campaign"] == "winter sale"
            assert "33140000001" not in repr(call)
            assert running.calls == 1
            peer.hang_up()
            await call.gone
            assert running.calls == 0

    async def test_events_are_asked_for_only_until_it_is_parked(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            await calls.first()
            peer.say(parked())
            await peer.heard(b"noevents\n\n")
            peer.hang_up()

    async def test_released_it_is_closed_once_it_is_parked(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            call = await calls.first()
            call.release()
            call.release()
            await asyncio.sleep(0.05)
            assert peer.still_open()
            assert not call.gone.done()
            peer.say(parked())
            await peer.closed()
            await call.gone

    async def test_one_that_never_parks_is_closed_all_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hook, "_PARK_LIMIT_S", 0.1)
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            (await calls.first()).release()
            assert await peer.closed() == b""

    async def test_the_notice_of_a_hangup_and_the_end(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            call = await calls.first()
            peer.say(NOTICE)
            peer.hang_up()
            await call.gone

    async def test_a_connection_that_is_reset(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            call = await calls.first()
            peer.reset()
            await call.gone

    async def test_a_listener_that_fails_gives_the_call_back(self) -> None:
        def fail(call: IncomingCall) -> None:
            raise RuntimeError("a defect")

        running = Hook(HookSettings(port=0), fail)
        await running.start()
        peer = await Peer.dial(running.port)
        await peer.greeted()
        peer.say(parked())
        await peer.closed()
        await running.close()


class TestTooMany:
    async def test_one_more_than_allowed_is_given_back_when_it_is_parked(self) -> None:
        async with listening(max_calls=1) as (running, calls):
            first, second = await Peer.dial(running.port), await Peer.dial(running.port)
            await first.greeted()
            held = await calls.first()
            await second.greeted(Unique_ID=CORE)
            await until(lambda: running.counters.refused == 1)
            assert second.still_open()
            second.say(parked())
            await second.closed()
            first.hang_up()
            await held.gone
            assert len(calls) == 1

    async def test_then_another_has_its_place(self) -> None:
        async with listening(max_calls=1) as (running, calls):
            for count in (1, 2, 3):
                peer = await Peer.dial(running.port)
                await peer.greeted()
                call = await calls.first(count)
                peer.hang_up()
                await call.gone
            assert running.counters.refused == 0


class TestWhoIsNoCall:
    @pytest.mark.parametrize(
        "said",
        [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\n\n",
            channel_data(Unique_ID="x"),
            channel_data(Core_UUID=""),
            b"Event-Name: CHANNEL_DATA\nContent-Type: command/reply\n\n",
            b"Content-Length: 99999999999\n\n",
            b"x: " + b"y" * 70_000,
            (b"a: " + b"b" * 60_000 + b"\n\n") * 10,
        ],
        ids=["http", "tls", "uuid", "core", "no uuid", "huge", "endless header", "endless talk"],
    )
    async def test_is_closed_and_counted(self, said: bytes) -> None:
        async with listening(connect_timeout_s=0.3) as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.heard(GREETING)
            peer.say(said)
            await peer.closed()
            await until(lambda: running.counters.unusable == 1)
            assert running.counters.given_up == 0
            assert calls == []

    async def test_who_says_nothing(self) -> None:
        async with listening(connect_timeout_s=0.1) as (running, calls):
            peer = await Peer.dial(running.port)
            assert await peer.closed() == GREETING
            assert running.counters.unusable == 1
            assert calls == []

    async def test_a_caller_who_hangs_up_before_he_is_announced(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            peer.say(NOTICE)
            peer.hang_up()
            await until(lambda: running.counters.given_up == 1)
            assert calls == []

    async def test_a_dialplan_without_async(self) -> None:
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted(Socket_Mode="static")
            await peer.closed()
            assert running.counters.unusable == 1
            assert calls == []

    async def test_one_that_talks_on_and_on_during_its_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(outbound_session, "_MOST_BYTES", 10_000)
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            call = await calls.first()
            peer.say((b"a: " + b"b" * 1_000 + b"\n\n") * 20)
            await call.gone
            await peer.closed()


class TestStartAndEnd:
    async def test_a_port_that_is_taken(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port}: .*in use.*incoming\.port.*socket"):
                await Hook(HookSettings(port=port), Calls().append).start()

    @pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "x" * 80])
    async def test_a_host_that_is_not_ours(self, host: str) -> None:
        with pytest.raises(CannotListen, match=r"incoming\.host"):
            await Hook(HookSettings(host=host, port=0), Calls().append).start()

    async def test_close_gives_every_call_back(self) -> None:
        async with listening() as (running, calls):
            peers = [await Peer.dial(running.port) for _ in range(3)]
            for peer in peers:
                await peer.greeted()
                peer.say(parked())
            await calls.first(3)
        assert all(call.gone.done() for call in calls)
        for peer in peers:
            await peer.closed()
        with pytest.raises(ConnectionRefusedError):
            await Peer.dial(running.port)

    async def test_close_waits_for_nobody_for_ever(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hook, "_GOODBYE_S", 0.1)
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            silent = await Peer.dial(running.port)
            call = await calls.first()
        assert call.gone.done()
        await peer.closed()
        await silent.closed()

    async def test_a_thread_may_be_shared(self) -> None:
        thread = LinkThread()
        await thread.start()
        calls = Calls()
        for _ in range(2):
            running = Hook(HookSettings(port=0), calls.append, thread)
            await running.start()
            with pytest.raises(RuntimeError, match="is running"):
                await running.start()
            peer = await Peer.dial(running.port)
            await peer.greeted()
            peer.say(parked())
            call = await calls.first(len(calls) + 1)
            await running.close()
            await running.close()
            assert call.gone.done()
            await peer.closed()
        await thread.close()

    async def test_a_thread_that_is_closed_first(self) -> None:
        thread = LinkThread()
        await thread.start()
        calls = Calls()
        running = Hook(HookSettings(port=0), calls.append, thread)
        await running.start()
        peer = await Peer.dial(running.port)
        await peer.greeted()
        peer.say(parked())
        call = await calls.first()
        await thread.close()
        await call.gone
        await running.close()
        await peer.closed()

    async def test_a_server_that_dies_comes_back_on_its_port(self, monkeypatch: pytest.MonkeyPatch) -> None:
        died: list[object] = []
        start = StreamServer.start

        def fail_once(server: Any) -> None:
            if not died:
                died.append(server)
                raise RuntimeError("a defect")
            start(server)

        monkeypatch.setattr(StreamServer, "start", fail_once)
        monkeypatch.setattr("robot.esl.link._CRASH_PAUSE_S", 0.05)
        async with listening() as (running, calls):
            peer = await Peer.dial(running.port)
            await peer.greeted()
            await calls.first()
            peer.hang_up()


class TestAgainstASimulatedFreeSwitch:
    @asynccontextmanager
    async def simulated(
        self, *callees: Callee, **settings: Any
    ) -> AsyncIterator[tuple[SimulatedFreeSwitch, EventSocketClient, Hook, Calls]]:
        async with (
            listening(**settings) as (running, calls),
            SimulatedFreeSwitch(SimulatorSettings(hook=("127.0.0.1", running.port)), callees) as switch,
            EventSocketClient(EventSocketSettings(port=switch.event_socket_port)) as client,
        ):
            yield switch, client, running, calls

    async def test_it_is_answered_and_ended_over_the_ordinary_event_socket(self) -> None:
        async with self.simulated(Callee(number="*")) as (switch, client, _, calls):
            uuid = switch.call_in("+33140000001", "2000", {"robot_campaign": "winter, 50 %"})
            call = await calls.first()
            assert (call.uuid, call.caller, call.dialled) == (uuid, "+33140000001", "2000")
            assert call.core_uuid == await client.api(commands.core_uuid())
            assert call.variables["robot_campaign"] == "winter, 50 %"
            events: list[CallEvent] = []
            client.subscribe(uuid, events.append)
            await client.api(commands.take_over(uuid, stream_token="t0k"))
            await client.api(commands.answer(uuid))
            await until(lambda: any(isinstance(event, ChannelAnswered) for event in events))
            assert await client.api(commands.getvar(uuid, "playback_terminators")) == "none"
            assert await client.api(commands.getvar(uuid, "STREAM_EXTRA_HEADERS")) == '{"Authorization":"Bearer t0k"}'
            await client.api(commands.kill(uuid))
            await call.gone
            await until(lambda: any(isinstance(event, HangupCompleted) for event in events))

    async def test_released_at_once_it_never_rings_on(self) -> None:
        async with self.simulated(Callee(number="*")) as (switch, client, _, calls):
            for count in range(1, 6):
                uuid = switch.call_in("1", "2000")
                events: list[CallEvent] = []
                client.subscribe(uuid, events.append)
                call = await calls.first(count)
                call.release()
                await call.gone
                await until(partial(has_hung_up, events))

    async def test_a_caller_who_gives_up(self) -> None:
        async with self.simulated(Callee(number="*", answer="no_answer", ring_ms=100)) as (switch, _, running, calls):
            switch.call_in("1", "2000")
            call = await calls.first()
            await call.gone
            assert running.calls == 0

    async def test_freeswitch_is_killed(self) -> None:
        async with self.simulated(Callee(number="*")) as (switch, _, running, calls):
            for _ in range(3):
                switch.call_in("1", "2000")
            await calls.first(3)
            switch.kill()
            for call in calls:
                await call.gone
            assert running.calls == 0
