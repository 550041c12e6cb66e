"""The callees of a real FreeSWITCH, over a socket whose other end says what FreeSWITCH said when it was measured."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from robot.esl.client import EventSocketSettings
from robot.esl.frames import encode_event
from robot.loopback.callees import LoopbackCallees
from robot.simulator.callees_file import Callee, Dtmf, HangUp, Say
from robot.simulator.sound import tone, write_wav
from tests.integration.esl.scripted_server import PASSWORD, Peer, ScriptedServer, api_response, command_reply

LEG = "11111111-1111-4111-8111-111111111111"
ROBOTS = "22222222-2222-4222-8222-222222222222"


@dataclass
class Line:
    """FreeSWITCH's end of the callees' event socket."""

    callees: LoopbackCallees
    server: ScriptedServer
    folder: Path

    @property
    def commands(self) -> list[str]:
        return [command for peer in self.server.peers for command in peer.received]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.005)

    async def told(self, part: str) -> str:
        """Wait for a command that holds `part`."""
        await self.until(lambda: any(part in command for command in self.commands))
        return next(command for command in self.commands if part in command)

    def event(self, name: str, uuid: str, *headers: tuple[str, str]) -> None:
        call = ("variable_sip_call_id", "of this call")
        self.server.events.write(encode_event([("Event-Name", name), ("Unique-ID", uuid), call, *headers]))

    def arrives(self, number: str, context: str = "robot-callees") -> None:
        """The robot's INVITE has come to the far end of the trunk and is parked there."""
        where = [("Call-Direction", "inbound"), ("Caller-Context", context), ("Caller-Destination-Number", number)]
        self.event("CHANNEL_PARK", LEG, *where)

    async def answered(self) -> None:
        """What FreeSWITCH says after `uuid_answer`: first the callee's leg, then the robot's."""
        await self.told(f"uuid_answer {LEG}")
        self.event("CHANNEL_ANSWER", LEG)
        self.event("CHANNEL_ANSWER", ROBOTS)
        await self.until(lambda: self.callees.seen(ROBOTS) is not None)


@asynccontextmanager
async def open_line(folder: Path, callees: Sequence[Callee]) -> AsyncIterator[Line]:
    async def accept(peer: Peer, command: str) -> None:
        peer.write(api_response("+OK\n") if command.startswith("api") else command_reply("+OK"))

    folder = folder.resolve()  # noqa: ASYNC240 - nothing else waits
    async with ScriptedServer(accept) as server:
        socket = EventSocketSettings(port=server.port, password=PASSWORD)
        async with LoopbackCallees(socket, callees, folder, voice_cache=folder / "voices") as loopback:
            yield Line(loopback, server, folder)


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ("busy", "USER_BUSY"),
        ("reject", "CALL_REJECTED"),
        ("unallocated", "NO_ROUTE_DESTINATION"),
        ("gateway_down", "NORMAL_TEMPORARY_FAILURE"),
    ],
)
async def test_who_does_not_take_the_call_refuses_it_with_its_cause(answer: str, cause: str, tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee.model_validate({"number": "+331*", "answer": answer})]) as line:
        line.arrives("+33140000001")
        assert await line.told("uuid_kill") == f"api uuid_kill {LEG} {cause}"
        assert not any("uuid_answer" in command or "ring" in command for command in line.commands)


async def test_a_number_that_nobody_has(tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee(number="+331*")]) as line:
        line.arrives("+4420000000")
        assert await line.told("uuid_kill") == f"api uuid_kill {LEG} NO_ROUTE_DESTINATION"


async def test_calls_that_are_parked_elsewhere_are_left_alone(tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee(number="*", answer="busy")]) as line:
        line.arrives("+33140000001", context="public")
        line.arrives("+33140000001")
        await line.told("uuid_kill")
        assert sum("uuid_kill" in command for command in line.commands) == 1


async def test_who_answers_rings_first_and_is_recorded_on_both_sides(tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee(number="*", ring_ms=30, noise_db=-60)]) as line:
        line.arrives("+33140000001")
        await line.answered()
        assert f" {LEG} start {line.folder}/recordings/{LEG}.wav" in await line.told("uuid_record")
        sent = [command.removeprefix(f"api uuid_setvar {LEG} ") for command in line.commands]
        asked = [command.split()[1] for command in line.commands if LEG in command]
        assert set(asked) == {"uuid_ring_ready", "uuid_setvar", "uuid_answer", "uuid_record"}
        assert asked.index("uuid_ring_ready") < asked.index("uuid_setvar") < asked.index("uuid_answer")
        assert "RECORD_STEREO true" in sent
        assert "send_silence_when_idle 1414" in sent


async def test_it_speaks_presses_keys_and_hangs_up_when_the_robot_plays(tmp_path: Path) -> None:
    write_wav(tmp_path / "yes.wav", tone(440, 200, 8000), 8000)
    callee = Callee(
        number="*",
        ring_ms=0,
        says=(Say(after="prompt_start", wait_ms=20, audio=tmp_path / "yes.wav"),),
        dtmf=(Dtmf(after="prompt_end", digits="1#"),),
        hang_up=HangUp(after="prompt_end", count=2, wait_ms=20),
    )
    async with open_line(tmp_path, [callee]) as line:
        line.arrives("+33140000001")
        await line.answered()
        offer, thanks = ("Playback-File-Path", "/offer.wav"), ("Playback-File-Path", "/thanks.wav")
        line.event("PLAYBACK_START", ROBOTS, offer)
        said = await line.told("execute-app-name: playback")
        assert f"execute-app-arg: {line.folder}/0-0.wav" in said
        assert said.startswith(f"sendmsg {LEG}\n")
        line.event("PLAYBACK_STOP", ROBOTS, offer, ("Playback-Status", "break"))
        assert await line.told("uuid_send_dtmf") == f"api uuid_send_dtmf {LEG} 1"
        await line.told(f"uuid_send_dtmf {LEG} #")
        assert not any("uuid_kill" in command for command in line.commands)
        line.event("PLAYBACK_START", ROBOTS, thanks)
        line.event("PLAYBACK_STOP", ROBOTS, thanks, ("Playback-Status", "done"), ("Answer-State", "hangup"))
        assert await line.told("uuid_kill") == f"api uuid_kill {LEG} NORMAL_CLEARING"
        seen = line.callees.seen(ROBOTS)
        assert seen is not None
        assert [(prompt.prompt, prompt.how) for prompt in seen.prompts] == [
            ("/offer.wav", "break"),
            ("/thanks.wav", "hangup"),
        ]


async def test_the_recording_of_a_call_that_is_over_has_the_robots_name_for_it(tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee(number="*", ring_ms=0)]) as line:
        line.arrives("+33140000001")
        await line.answered()
        write_wav(line.folder / "recordings" / f"{LEG}.wav", tone(440, 20, 8000), 8000)  # FreeSWITCH does
        line.event("CHANNEL_HANGUP", LEG, ("Hangup-Cause", "NORMAL_CLEARING"))
        line.event("CHANNEL_HANGUP_COMPLETE", LEG, ("Hangup-Cause", "NORMAL_CLEARING"))
        seen = line.callees.seen(ROBOTS)
        assert seen is not None
        async with asyncio.timeout(5):
            await seen.over.wait()
        assert seen.recording == line.folder / "recordings" / f"{ROBOTS}.wav"
        assert seen.recording.exists()


async def test_calls_of_a_freeswitch_that_was_started_again_are_over(tmp_path: Path) -> None:
    async with open_line(tmp_path, [Callee(number="*", ring_ms=0)]) as line:
        line.arrives("+33140000001")
        await line.answered()
        seen = line.callees.seen(ROBOTS)
        assert seen is not None

        async def knows_no_call(peer: Peer, command: str) -> None:
            peer.write(api_response("false") if command.startswith("api") else command_reply("+OK"))

        line.server.script = knows_no_call
        await line.server.stop()
        await line.server.listen()
        async with asyncio.timeout(10):
            await seen.over.wait()
        assert seen.recording is None
