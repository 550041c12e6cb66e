"""The simulator as a server: logging in, subscriptions, its own ends, its thread, and load on real time."""

from __future__ import annotations

import asyncio
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve

from robot.simulator import event_socket
from robot.simulator.callees_file import Callee, CalleesFile, Say, SimulatorTable
from robot.simulator.errors import NoVoice, SimulatorError
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.sound import read_clip, tone, write_wav
from robot.simulator.thread import SimulatorThread
from robot.simulator.voice import CalleeVoice
from tests.integration.simulator.conftest import OpenWorkbench
from tests.integration.simulator.plain_client import PlainClient

ANYBODY = (Callee(number="*", ring_ms=0),)


async def test_nothing_is_obeyed_before_the_password(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        stranger = await PlainClient.connect(bench.simulator.event_socket_port, password=None)
        assert await stranger.command("api status") == "-ERR command not found"
        assert await stranger.command("event plain ALL") == "-ERR command not found"
        await stranger.close()


async def test_a_client_gets_what_it_asked_for_and_no_more(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        port = bench.simulator.event_socket_port
        one = await PlainClient.connect(port, events="CHANNEL_ANSWER CUSTOM mod_audio_stream::connect")
        filtered = await PlainClient.connect(port, events="ALL")
        mine = "2553f481-1118-43e8-ad49-47fdc760dfc2"
        assert await filtered.command(f"filter Unique-ID {mine}") == f"+OK filter added. [Unique-ID]=[{mine}]"
        bench.client.send(f"bgapi originate {{origination_uuid={mine}}}sofia/gateway/trunk/1 &park()")
        await bench.pass_ms(60)
        other = await bench.call()
        await bench.api(f"uuid_audio_stream {other} start {bench.url} mono 16k")
        await bench.pass_ms(60)
        assert one.names() == ["CHANNEL_ANSWER", "CHANNEL_ANSWER", "mod_audio_stream::connect"]
        assert {event.uuid for event in filtered.events} == {mine}
        assert "BACKGROUND_JOB" not in filtered.names()  # it has no Unique-ID
        assert await one.command("noevents") == "+OK no longer listening for events"
        await bench.call()
        assert len(one.events) == 3
        await one.close()
        await filtered.close()


async def test_a_heartbeat_every_twenty_seconds(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        await bench.pass_ms(41_000)
        beats = [event for event in bench.client.events if event.name == "HEARTBEAT"]
        assert len(beats) == 2
        assert beats[0]["Event-Info"] == "System Ready"


async def test_sigterm_ends_all_calls_and_says_so(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        bench.simulator.shutdown()
        await bench.pass_ms(1000)
        assert (await bench.client.event("CHANNEL_HANGUP_COMPLETE", uuid))["Hangup-Cause"] == "SYSTEM_SHUTDOWN"
        assert "SHUTDOWN" in bench.client.names()
        assert not bench.client.ended
        await bench.pass_ms(200)
        await bench.client.end()
        assert bench.client.replies[-1].content_type == "text/disconnect-notice"
        assert len(bench.client.replies[-1].body) == 31


async def test_kill_is_a_bare_end_and_a_restart_knows_no_calls(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await bench.api(f"uuid_audio_stream {uuid} start {bench.url} mono 16k")
        await bench.pass_ms(100)
        count = len(bench.client.received)
        bench.simulator.kill()
        await bench.client.end()
        assert len(bench.client.received) == count
        await bench.simulator.restart()
        again = await PlainClient.connect(bench.simulator.event_socket_port, events="ALL")
        assert await again.command("api show channels as json") == '{"row_count": 0}\n'
        await bench.pass_ms(200)
        assert again.names() == []
        await again.close()


async def test_a_lost_connection_ends_no_call(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        bench.simulator.drop_connections()
        await bench.client.end()
        again = await PlainClient.connect(bench.simulator.event_socket_port)
        assert await again.command(f"api uuid_exists {uuid}") == "true"
        await again.close()


async def test_a_client_that_does_not_read_is_dropped(
    workbench: OpenWorkbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_socket, "MAX_QUEUED_EVENTS", 50)
    async with workbench() as bench:
        await bench.client.command("noevents")
        deaf = socket.create_connection(("127.0.0.1", bench.simulator.event_socket_port))
        deaf.sendall(b"auth ClueCon\n\nevent plain HEARTBEAT\n\n")
        await bench.pass_ms(100)
        assert len(bench.simulator.bus.listeners) == 2
        for _ in range(60):
            for _ in range(20):
                bench.simulator.bus.publish("HEARTBEAT", [("Padding", "x" * 20_000)])
            await bench.pass_ms(20)
        deaf.close()
        await bench.pass_ms(100)
        assert len(bench.simulator.bus.listeners) == 1


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    async with SimulatedFreeSwitch(SimulatorSettings(), ANYBODY) as first:
        second = SimulatedFreeSwitch(SimulatorSettings(event_socket_port=first.event_socket_port), ANYBODY)
        with pytest.raises(SimulatorError, match="choose another port"):
            await second.start()
        await second.close()


def test_in_a_thread_of_its_own() -> None:
    before = set(threading.enumerate())
    with SimulatorThread(SimulatorSettings(), ANYBODY) as thread:
        assert asyncio.run(one_call(thread.event_socket_port)) == "+OK"
        assert thread.do(lambda simulator: len(simulator.channels)) == 1
    assert set(threading.enumerate()) <= before


async def one_call(port: int) -> str:
    client = await PlainClient.connect(port, events="CHANNEL_PARK")
    client.send("bgapi originate sofia/gateway/trunk/1 &park()")
    await client.event("CHANNEL_PARK")
    await client.close()
    return client.replies[-1].reply[:3]


def test_what_goes_wrong_in_the_thread_is_raised_to_the_caller(tmp_path: Path) -> None:
    with SimulatorThread(SimulatorSettings(), ANYBODY) as thread:
        settings = SimulatorSettings(event_socket_port=thread.event_socket_port)
        with pytest.raises(SimulatorError, match="cannot listen"):
            SimulatorThread(settings, ANYBODY).start()


def test_a_callees_files_own_table_counts() -> None:
    file = CalleesFile(callee=ANYBODY, simulator=SimulatorTable(audio_stream=False, gateways=("other",)))
    simulator = SimulatedFreeSwitch(SimulatorSettings(), file)
    assert simulator.settings.audio_stream is False
    assert simulator.settings.gateways == {"other"}


async def test_fifty_streams_in_real_time(tmp_path: Path) -> None:
    """Each call hears and is heard at once; all of it on one loop, with the server in it as well."""
    write_wav(tmp_path / "speech.wav", tone(300, 2000, 8000), 8000)
    talker = Callee(number="*", ring_ms=0, noise_db=-50, echo_db=-30, says=(
        Say(after="answer", audio=tmp_path / "speech.wav"),
    ))  # fmt: skip
    counts: dict[str, int] = {}
    enough = asyncio.Event()

    async def listen(connection: ServerConnection) -> None:
        assert connection.request is not None
        path = connection.request.path
        async for message in connection:
            counts[path] = counts.get(path, 0) + 1
            assert len(message) == 640
            if len(counts) == 50 and min(counts.values()) >= 25:
                enough.set()

    async with (
        serve(listen, "127.0.0.1", 0, compression=None) as server,
        SimulatedFreeSwitch(SimulatorSettings(), (talker,)) as simulator,
    ):
        port = next(iter(server.sockets)).getsockname()[1]
        client = await PlainClient.connect(simulator.event_socket_port, events="CHANNEL_PARK")
        for number in range(50):
            client.send(f"bgapi originate sofia/gateway/trunk/{number} &park()")
        await client.until(lambda: len(client.events) == 50)
        for event in client.events:
            client.send(f"api uuid_audio_stream {event.uuid} start ws://127.0.0.1:{port}/{event.uuid} mono 16k")
        async with asyncio.timeout(20):
            await enough.wait()
        await client.close()


def test_a_text_is_spoken_once_and_kept(tmp_path: Path) -> None:
    pytest.importorskip("piper")
    voice = CalleeVoice(tmp_path)
    file = voice.wav("Yes.")
    assert read_clip(str(file), 8000).duration_ms > 200
    assert CalleeVoice(tmp_path).wav("Yes.") == file
    assert [kept.suffix for kept in tmp_path.iterdir()] == [".wav"]


def test_without_piper_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "piper", None)
    with pytest.raises(NoVoice, match=r"freeswitch-robot\[piper\]"):
        CalleeVoice(tmp_path).wav("Hello?")


def test_a_kept_text_needs_no_piper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("piper")
    file = CalleeVoice(tmp_path).wav("Yes.")
    monkeypatch.setitem(__import__("sys").modules, "piper", None)
    assert CalleeVoice(tmp_path).wav("Yes.") == file
    assert np.any(read_clip(str(file), 8000).samples)
