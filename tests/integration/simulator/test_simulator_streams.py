"""mod_audio_stream as the simulator does it, against a real WebSocket server."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import numpy as np
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from robot.simulator.callees_file import Callee, Say, StreamFault
from robot.simulator.sound import tone, write_wav
from tests.integration.simulator.conftest import OpenWorkbench, Workbench

CONNECT, DISCONNECT, ERROR = (f"mod_audio_stream::{kind}" for kind in ("connect", "disconnect", "error"))


async def start(bench: Workbench, uuid: str, rest: str = "mono 16k") -> str:
    answer = await bench.api(f"uuid_audio_stream {uuid} start {bench.url} {rest}")
    await bench.pass_ms(60)
    return answer


def speaker(folder: Path) -> Callee:
    """Talks for a second right after the answer."""
    write_wav(folder / "speech.wav", tone(300, 1000, 8000), 8000)
    return Callee(number="1000", ring_ms=0, says=(Say(after="answer", wait_ms=1000, audio=folder / "speech.wav"),))


async def test_mono_holds_the_callee_and_not_the_prompt(workbench: OpenWorkbench, tmp_path: Path) -> None:
    async with workbench(speaker(tmp_path)) as bench:
        uuid = await bench.call()
        await start(bench, uuid, "mono 8k")
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt(ms=3000)} aleg")
        await bench.pass_ms(400)
        assert not bench.stream_samples().any()
        await bench.pass_ms(1500)
        assert int(np.argmax(np.abs(np.fft.rfft(bench.stream_samples()[-8000:].astype(float))))) in range(250, 350)


async def test_stereo_with_silence_is_both_sides_sample_for_sample(workbench: OpenWorkbench, tmp_path: Path) -> None:
    async with workbench(speaker(tmp_path)) as bench:
        uuid = await bench.call(variables="send_silence_when_idle=-1")
        await start(bench, uuid, "stereo 8k")
        await bench.pass_ms(300)
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt(ms=500)} aleg")
        await bench.pass_ms(1500)
        both = bench.stream_samples().reshape(-1, 2)
        assert {len(frame) for frame in bench.frames} == {640}
        frames = len(bench.frames)
        await bench.pass_ms(1000)
        assert len(bench.frames) - frames == 50
        heard = bench.simulator.heard(uuid).samples
        (first,) = (prompt.from_ms for prompt in bench.simulator.heard(uuid).prompts)
        ours = both[:, 1]
        begins = int(np.flatnonzero(ours)[0])
        there = int(np.flatnonzero(heard)[0])
        assert there == pytest.approx(first * 8, abs=8)
        assert np.array_equal(ours[begins : begins + 4000], heard[there : there + 4000])
        assert both[:, 0].any()


async def test_stereo_without_it_sends_only_while_we_speak(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid, "stereo 16k")
        await bench.pass_ms(1000)
        assert bench.frames == []
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt(ms=500)} aleg")
        await bench.pass_ms(1500)
        assert len(bench.frames) == 25


async def test_pause_and_resume(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid)
        await bench.pass_ms(200)
        assert await bench.api(f"uuid_audio_stream {uuid} pause") == "+OK Success\n"
        await bench.pass_ms(20)
        count = len(bench.frames)
        await bench.pass_ms(500)
        assert len(bench.frames) == count
        await bench.api(f"uuid_audio_stream {uuid} resume")
        await bench.pass_ms(100)
        assert len(bench.frames) == count + 5


async def test_stop_says_goodbye_up_to_the_first_space_and_closes_with_1000(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid, 'mono 16k {"call": "x y"}')
        await bench.api(f"uuid_audio_stream {uuid} send_text one two")
        assert await bench.api(f"uuid_audio_stream {uuid} stop bye now") == "+OK Success\n"
        await bench.pass_ms(40)
        assert bench.texts == ['{"call": "x y"}', "one", "bye"]
        assert bench.sockets[0].close_code == 1000
        assert DISCONNECT not in bench.names(uuid)
        assert bench.names(uuid)[-1] == "MEDIA_BUG_STOP"
        assert await bench.api(f"uuid_audio_stream {uuid} stop") == "-ERR Operation Failed\n"
        assert await start(bench, uuid) == "+OK Success\n"


async def test_after_a_close_by_the_server_stop_comes_before_start(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid)
        await bench.pass_ms(100)
        await bench.sockets[0].close(1011, "going")
        event = await gone(bench, uuid)
        assert json.loads(event) == {"status": "disconnected", "message": {"code": 1011, "reason": "going"}}
        assert await start(bench, uuid) == "-ERR Operation Failed\n"
        assert await bench.api(f"uuid_audio_stream {uuid} stop") == "+OK Success\n"
        assert await start(bench, uuid) == "+OK Success\n"
        await bench.pass_ms(100)
        assert len(bench.sockets) == 2


async def test_after_an_abnormal_end_start_works_at_once(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid)
        await bench.pass_ms(100)
        bench.sockets[0].transport.abort()
        event = await gone(bench, uuid)
        assert json.loads(event)["message"]["code"] == 1006
        assert bench.names(uuid)[-1] == "MEDIA_BUG_STOP"
        assert await start(bench, uuid) == "+OK Success\n"


async def gone(bench: Workbench, uuid: str) -> str:
    """Wait for the disconnect event; its body."""
    for _ in range(50):
        await bench.pass_ms(20)
        if DISCONNECT in bench.names(uuid):
            break
    return (await bench.client.event(DISCONNECT, uuid)).text


async def test_faults_of_a_callees_file(workbench: OpenWorkbench) -> None:
    def faulty(number: str, **fault: object) -> Callee:
        return Callee(number=number, ring_ms=0, stream=StreamFault.model_validate(fault))

    callees = (
        faulty("1", fault="silent"),
        faulty("2", fault="drop", after_ms=300, times=1),
        faulty("3", fault="refused", times=1),
    )
    async with workbench(*callees) as bench:
        silent = await bench.call("1")
        await start(bench, silent)
        await bench.pass_ms(1000)
        assert CONNECT in bench.names(silent)
        assert bench.frames == []

        dropped = await bench.call("2")
        await start(bench, dropped)
        await gone(bench, dropped)
        count = len(bench.frames)
        assert 13 <= count <= 15
        assert await start(bench, dropped) == "+OK Success\n"
        await bench.pass_ms(1000)
        assert len(bench.frames) > count + 45

        refused = await bench.call("3")
        assert await start(bench, refused) == "+OK Success\n"
        error = json.loads((await bench.client.event(ERROR, refused)).text)
        assert error == {
            "status": "error",
            "message": {"code": 6, "error": "Connection refused (system error 111)"},
        }
        assert await bench.api(f"uuid_audio_stream {refused} stop") == "+OK Success\n"
        await start(bench, refused)
        assert CONNECT in bench.names(refused)


async def test_an_upgrade_that_is_refused_is_an_error(workbench: OpenWorkbench) -> None:
    def unauthorized(connection: ServerConnection, _request: Request) -> Response:
        return connection.respond(401, "who are you\n")

    async def nothing(_socket: ServerConnection) -> None:
        return

    async with workbench() as bench, serve(nothing, "127.0.0.1", 0, process_request=unauthorized) as server:
        uuid = await bench.call()
        port = next(iter(server.sockets)).getsockname()[1]
        await bench.api(f"uuid_audio_stream {uuid} start ws://127.0.0.1:{port}/x mono 16k")
        for _ in range(20):
            await bench.pass_ms(20)
        message = json.loads((await bench.client.event(ERROR, uuid)).text)["message"]
        assert message == {"code": 6, "error": "WebSocket upgrade failed"}


async def test_audio_from_the_server_is_a_file_until_the_stream_ends(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid)
        audio = base64.b64encode(np.ones(1600, "<i2").tobytes()).decode()
        data = {"audioDataType": "raw", "sampleRate": 8000, "reference": "7", "audioData": audio}
        await bench.sockets[0].send(json.dumps({"type": "streamAudio", "data": data}))
        await bench.pass_ms(40)
        told = json.loads((await bench.client.event("mod_audio_stream::play", uuid)).text)
        file = Path(told.pop("file"))
        assert told == {"audioDataType": "raw", "sampleRate": 8000, "reference": "7"}
        assert file.name == f"{uuid}_0.tmp.r8"
        await bench.api(f"uuid_broadcast {uuid} {file} aleg")
        await bench.pass_ms(600)
        assert bench.playback(uuid) == [f"start {file.name}", f"done {file.name}"]
        await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(80)
        assert not file.exists()  # noqa: ASYNC240 - a test may look


async def test_a_start_while_it_rings_crashes_freeswitch(workbench: OpenWorkbench) -> None:
    async with workbench(Callee(number="1000", ring_ms=1000)) as bench:
        uuid = "7dbbb7a8-59c8-4b1e-9a6c-65fc43919fbe"
        bench.client.send(f"bgapi originate {{origination_uuid={uuid}}}sofia/gateway/trunk/1000 &park()")
        await bench.pass_ms(300)
        bench.client.send(f"api uuid_audio_stream {uuid} start {bench.url} mono 16k")
        await bench.client.end()
        assert "DISCONNECT" not in str(bench.client.replies[-1].content_type).upper()


async def test_without_the_module_the_command_is_not_there(workbench: OpenWorkbench) -> None:
    async with workbench(audio_stream=False) as bench:
        uuid = await bench.call()
        assert await start(bench, uuid) == "-ERR uuid_audio_stream Command not found!\n"
        assert await bench.api("module_exists mod_audio_stream") == "false"


async def test_a_server_that_never_answers_a_close_holds_the_hangup_for_a_second(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await start(bench, uuid)
        await bench.pass_ms(60)
        bench.sockets[0].transport.pause_reading()
        await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(500)
        assert "CHANNEL_HANGUP_COMPLETE" not in bench.names(uuid)
        for _ in range(100):  # the limit is the WebSocket library's, 1 s in real time
            await asyncio.sleep(0.05)
            await bench.pass_ms(20)
            if "CHANNEL_DESTROY" in bench.names(uuid):
                break
        assert bench.names(uuid)[-3:] == ["MEDIA_BUG_STOP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"]
        bench.sockets[0].transport.abort()
