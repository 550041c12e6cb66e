"""What the robot has on a call that goes on without it is taken away: the audio stream and the recording."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from robot.call.audio_line import AudioLine, StreamAddress
from robot.call.channel import Channel
from robot.call.hearing import Hearing
from robot.call.recording import Recording, RecordingPlan, Sides
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.simulator.callees_file import Callee
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.store.database import Database
from robot.store.store import Store
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.stream import StreamOptions

CALLEE = "+33140000001"


@pytest.fixture
async def switch() -> AsyncIterator[tuple[SimulatedFreeSwitch, EventSocketClient]]:
    callees = [Callee(number=CALLEE, ring_ms=0)]
    async with (
        SimulatedFreeSwitch(SimulatorSettings(), callees) as simulator,
        EventSocketClient(EventSocketSettings(port=simulator.event_socket_port)) as client,
    ):
        yield simulator, client


async def test_the_audio_stream_is_stopped_and_not_started_again(
    switch: tuple[SimulatedFreeSwitch, EventSocketClient],
) -> None:
    simulator, client = switch
    server = AudioServer(AudioServerSettings(port=0))
    await server.start()
    channel = Channel(str(uuid4()), client)
    hearing = Hearing(on_speech=lambda *_: None, on_utterance=lambda _: None)
    line = AudioLine(channel, server, StreamAddress("127.0.0.1", server.port), StreamOptions(), hearing)
    command = commands.originate(channel.uuid, "trunk", CALLEE, stream_token=line.token)
    await channel.dial(command, ring_timeout_s=5)
    await line.open()
    leg = simulator.channels[channel.uuid]
    streams = [leg.stream]
    await line.stop()
    await asyncio.sleep(1.5)  # longer than a stream that drops is waited for
    streams.append(leg.stream)
    assert streams[0] is not None
    assert streams[1] is None
    assert leg.stream_starts == 1
    assert not line.broken.done()
    assert leg.alive
    await line.stop()  # there is nothing left to stop, and nobody minds
    await channel.hang_up()
    await channel.close()
    await server.close()


async def test_the_recording_ends_and_is_kept(
    switch: tuple[SimulatedFreeSwitch, EventSocketClient], tmp_path: Path
) -> None:
    simulator, client = switch
    channel = Channel(str(uuid4()), client)
    await channel.dial(commands.originate(channel.uuid, "trunk", CALLEE), ring_timeout_s=5)
    database = Database(f"sqlite:///{tmp_path}/robot.db")
    database.upgrade()
    store = Store(database)
    recording = Recording(RecordingPlan(Sides.BOTH, timedelta(days=1)), tmp_path, channel, store)
    await recording.start()
    leg = simulator.channels[channel.uuid]
    assert list(leg.recordings) == [str(tmp_path / f"{channel.uuid}.wav")]
    await recording.stop()
    assert leg.recordings == {}
    assert recording.path is not None
    assert recording.expires_at is not None
    await store.close()
    await channel.hang_up()
    await channel.close()
