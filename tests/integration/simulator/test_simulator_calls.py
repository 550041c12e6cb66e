"""What a client of the event socket meets on calls: playback and its traps, keys, hangups, dialling."""

from __future__ import annotations

import asyncio
import json

import numpy as np
import pytest

from robot.simulator.callees_file import Callee, Dtmf, HangUp
from tests.integration.simulator.conftest import OpenWorkbench
from tests.integration.simulator.plain_client import PlainClient


async def test_an_early_break_is_lost_and_a_later_one_is_not(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        prompt = bench.prompt(ms=1000)
        await bench.api(f"uuid_broadcast {uuid} {prompt} aleg")
        await bench.pass_ms(60)
        assert await bench.api(f"uuid_break {uuid} all") == "+OK\n"
        await bench.pass_ms(1500)
        assert bench.playback(uuid) == ["start prompt.wav", "done prompt.wav"]
        await bench.api(f"uuid_broadcast {uuid} {prompt} aleg")
        await bench.pass_ms(300)
        await bench.api(f"uuid_break {uuid} all")
        await bench.pass_ms(40)
        assert bench.playback(uuid)[2:] == ["start prompt.wav", "break prompt.wav"]
        first, second = bench.simulator.heard(uuid).prompts
        assert (first.how, second.how) == ("done", "break")
        assert second.to_ms - second.from_ms <= 220
        heard = bench.simulator.heard(uuid).samples
        assert not heard[round(second.to_ms * 8) :].any()
        assert heard[round(second.from_ms * 8) : round(second.to_ms * 8)].any()


async def test_a_break_at_once_drops_the_file_without_an_event(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt()} aleg")
        await bench.api(f"uuid_break {uuid} all")
        await bench.pass_ms(1000)
        assert bench.playback(uuid) == []


async def test_a_path_with_a_space_is_accepted_and_never_played(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        path = bench.prompt("two words.wav")
        assert await bench.api(f"uuid_broadcast {uuid} {path} aleg") == "+OK Message sent\n"
        await bench.pass_ms(1000)
        assert bench.playback(uuid) == []
        await bench.api(f"uuid_broadcast {uuid} '{path}' aleg")
        await bench.pass_ms(1000)
        assert bench.playback(uuid) == ["start two words.wav"]


async def test_sendmsg_names_its_execution_and_its_turn(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        message = f"sendmsg {uuid}\ncall-command: execute\nexecute-app-name: playback\nEvent-UUID: turn-7\n"
        message += f"event-lock: true\nexecute-app-arg: {{turn_id=7}}{bench.prompt(ms=200)}"
        assert await bench.client.command(message) == "+OK"
        await bench.pass_ms(400)
        started = await bench.client.event("PLAYBACK_START", uuid)
        completed = await bench.client.event("CHANNEL_EXECUTE_COMPLETE", uuid)
        assert started["turn_id"] == "7"
        assert started["Playback-File-Path"] == bench.prompt(ms=200)
        assert completed["Application-UUID"] == "turn-7"
        assert completed["Application-Response"] == "FILE PLAYED"


async def test_a_hangup_by_sendmsg_waits_behind_a_locked_playback_and_uuid_kill_does_not(
    workbench: OpenWorkbench,
) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await bench.client.command(
            f"sendmsg {uuid}\ncall-command: execute\nexecute-app-name: playback\nevent-lock: true\n"
            f"execute-app-arg: {bench.prompt(ms=1000)}"
        )
        await bench.pass_ms(100)
        await bench.client.command(f"sendmsg {uuid}\ncall-command: hangup\nhangup-cause: USER_BUSY")
        await bench.pass_ms(500)
        assert "CHANNEL_HANGUP" not in bench.names(uuid)
        await bench.pass_ms(600)
        assert (await bench.client.event("CHANNEL_HANGUP", uuid))["Hangup-Cause"] == "USER_BUSY"
        await bench.pass_ms(100)
        other = await bench.call()
        await bench.api(f"uuid_broadcast {other} {bench.prompt()} aleg")
        await bench.pass_ms(300)
        await bench.api(f"uuid_kill {other}")
        await bench.pass_ms(60)
        assert bench.playback(other) == ["start prompt.wav", "done prompt.wav"]
        assert bench.simulator.heard(other).prompts[0].how == "hangup"
        assert bench.names(other)[-2:] == ["CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"]


async def test_keys_are_told_and_a_star_stops_the_prompt_unless_told_not_to(workbench: OpenWorkbench) -> None:
    keys = (Dtmf(after="prompt_start", count=1, wait_ms=200, digits="1#"),)
    star = (Dtmf(after="prompt_start", count=1, wait_ms=200, digits="*"),)
    callees = (Callee(number="1000", ring_ms=0, dtmf=keys), Callee(number="1001", ring_ms=0, dtmf=star))
    async with workbench(*callees) as bench:
        for number, variables, ended in (
            ("1000", "", "done"),
            ("1001", "", "break"),
            ("1001", "playback_terminators=none", "done"),
        ):
            uuid = await bench.call(number, variables)
            await bench.api(f"uuid_broadcast {uuid} {bench.prompt(ms=1000)} aleg")
            await bench.pass_ms(1300)
            assert bench.playback(uuid) == ["start prompt.wav", f"{ended} prompt.wav"]
            digits = [e["DTMF-Digit"] for e in bench.client.events if e.name == "DTMF" and e.uuid == uuid]
            assert digits == (["1", "#"] if number == "1000" else ["*"])


async def test_the_callee_hangs_up_while_the_prompt_plays(workbench: OpenWorkbench) -> None:
    leaving = Callee(number="1000", ring_ms=0, hang_up=HangUp(after="prompt_start", wait_ms=300))
    async with workbench(leaving) as bench:
        uuid = await bench.call()
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt()} aleg")
        await bench.pass_ms(600)
        complete = await bench.client.event("CHANNEL_HANGUP_COMPLETE", uuid)
        assert complete["variable_sip_hangup_disposition"] == "recv_bye"
        assert int(complete["variable_billmsec"]) == pytest.approx(980, abs=60)
        (prompt,) = bench.simulator.heard(uuid).prompts
        assert prompt.how == "hangup"
        assert await bench.api(f"uuid_exists {uuid}") == "false"


async def test_variables_go_in_and_come_back(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call(variables="robot_campaign=demo,name='Ivan\\, Petrov'")
        answered = await bench.client.event("CHANNEL_ANSWER", uuid)
        assert answered["variable_robot_campaign"] == "demo"
        assert answered["variable_name"] == "Ivan, Petrov"
        assert await bench.api(f"uuid_getvar {uuid} robot_campaign") == "demo"
        assert await bench.api(f"uuid_setvar {uuid} mood good today") == "+OK\n"
        assert await bench.api(f"uuid_getvar {uuid} mood") == "good today"
        assert await bench.api(f"uuid_getvar {uuid} nothing") == "_undef_"


async def test_show_channels_lists_who_is_on_the_line(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call(variables="origination_caller_id_number=33140000000")
        shown = json.loads(await bench.api("show channels as json"))
        assert shown["row_count"] == 1
        row = shown["rows"][0]
        assert (row["uuid"], row["dest"], row["callstate"], row["state"]) == (uuid, "1000", "ACTIVE", "CS_EXECUTE")
        assert row["cid_num"] == "33140000000"


async def test_a_living_uuid_cannot_be_dialled_again(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        again = f"originate {{origination_uuid={uuid}}}sofia/gateway/trunk/1000 &park()"
        assert await bench.api(again) == "-ERR DESTINATION_OUT_OF_ORDER\n"
        await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(100)
        bench.client.send(f"bgapi {again}")
        await bench.pass_ms(100)
        assert bench.names(uuid).count("CHANNEL_ANSWER") == 2


async def test_an_api_originate_holds_its_connection_and_bgapi_does_not(workbench: OpenWorkbench) -> None:
    async with workbench(Callee(number="1000", ring_ms=500)) as bench:
        other = await PlainClient.connect(bench.simulator.event_socket_port)
        other.send("api originate sofia/gateway/trunk/1000 &park()")
        other.send("api create_uuid")
        bench.client.send("bgapi originate sofia/gateway/trunk/1000 &park()\nJob-UUID: mine")
        await bench.pass_ms(300)
        assert len(other.replies) == 2
        assert bench.client.replies[-1].reply == "+OK Job-UUID: mine"
        await bench.pass_ms(400)
        assert other.replies[2].reply.startswith("+OK ")
        assert len(other.replies[3].reply) == 36
        assert (await bench.client.event("BACKGROUND_JOB"))["Job-UUID"] == "mine"
        await other.close()


async def test_a_comma_forks_and_a_pipe_goes_on_to_the_next(workbench: OpenWorkbench) -> None:
    callees = (
        Callee(number="1", ring_ms=200),
        Callee(number="2", ring_ms=5000),
        Callee(number="3", answer="busy"),
        Callee(number="4", ring_ms=0),
    )
    async with workbench(*callees) as bench:
        bench.client.send("bgapi originate sofia/gateway/trunk/1,sofia/gateway/trunk/2 &park()")
        await bench.pass_ms(400)
        ringing = [event for event in bench.client.events if event.name == "CHANNEL_PROGRESS"]
        assert len(ringing) == 2
        loser = await bench.client.event("CHANNEL_HANGUP")
        assert (loser["Hangup-Cause"], loser["Caller-Destination-Number"]) == ("LOSE_RACE", "2")
        bench.client.send("bgapi originate sofia/gateway/trunk/3|sofia/gateway/trunk/4 &park()")
        await bench.pass_ms(400)
        second = await bench.client.event("BACKGROUND_JOB", nth=2)
        assert second.text.startswith("+OK ")
        assert [call.number for call in bench.simulator.calls.values()] == ["1", "2", "3", "4"]


async def test_a_gateway_may_go_down_and_a_number_may_be_nobodys(workbench: OpenWorkbench) -> None:
    async with workbench(Callee(number="1000", ring_ms=0), Callee(number="2", answer="gateway_down")) as bench:
        for number, down, cause in (
            ("1000", True, "NORMAL_TEMPORARY_FAILURE"),
            ("2", False, "NORMAL_TEMPORARY_FAILURE"),
            ("7777", False, "NO_ROUTE_DESTINATION"),
        ):
            bench.simulator.gateways_down = {"trunk"} if down else set()
            assert ("DOWN" in await bench.api("sofia status gateway trunk")) is down
            bench.client.send(f"bgapi originate sofia/gateway/trunk/{number} &park()")
            await bench.pass_ms(100)
            assert [e.text for e in bench.client.events if e.name == "BACKGROUND_JOB"][-1] == f"-ERR {cause}\n"


async def test_a_caller_who_gives_up_ends_the_originate(workbench: OpenWorkbench) -> None:
    async with workbench(Callee(number="1000", answer="no_answer")) as bench:
        uuid = "7dbbb7a8-59c8-4b1e-9a6c-65fc43919fbe"
        bench.client.send(f"bgapi originate {{origination_uuid={uuid}}}sofia/gateway/trunk/1000 &park()")
        await bench.pass_ms(300)
        await bench.api(f"uuid_kill {uuid} ORIGINATOR_CANCEL")
        await bench.pass_ms(60)
        assert (await bench.client.event("BACKGROUND_JOB")).text == "-ERR ORIGINATOR_CANCEL\n"


async def test_the_longest_call_can_be_scheduled(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        assert await bench.api(f"sched_hangup +2 {uuid} ALLOTTED_TIMEOUT") == "+OK\n"
        await bench.pass_ms(1900)
        assert "CHANNEL_HANGUP" not in bench.names(uuid)
        await bench.pass_ms(200)
        assert (await bench.client.event("CHANNEL_HANGUP", uuid))["Hangup-Cause"] == "ALLOTTED_TIMEOUT"


async def test_events_are_as_big_as_the_real_ones(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(60)
        sizes = {r.event.name: len(r.frame.body) for r in bench.client.received if r.event and r.event.uuid == uuid}
        # 3,589, 6,434 and 9,791 bytes in the recording.
        assert 2_500 < sizes["CHANNEL_CREATE"] < 4_500
        assert 5_000 < sizes["CHANNEL_ANSWER"] < 7_500
        assert 8_000 < sizes["CHANNEL_HANGUP_COMPLETE"] < 11_000


async def test_what_a_callee_heard_can_be_kept_as_files(workbench: OpenWorkbench) -> None:
    from robot.simulator.sound import read_clip

    async with workbench() as bench:
        folder = bench.folder / "recordings"
        object.__setattr__(bench.simulator.settings, "recordings", folder)
        uuid = await bench.call()
        await bench.api(f"uuid_broadcast {uuid} {bench.prompt(ms=400)} aleg")
        await bench.pass_ms(800)
        await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(60)
        kept = read_clip(str(folder / f"{uuid}.wav"), 8000)
        assert np.array_equal(kept.samples, bench.simulator.heard(uuid).samples)


async def test_fifty_calls_at_once_in_simulated_time(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        prompt = bench.prompt(ms=500)
        for number in range(50):
            bench.client.send(f"bgapi originate sofia/gateway/trunk/{number} &park()")
        await bench.pass_ms(300)
        uuids = [call.uuid for call in bench.simulator.calls.values()]
        assert len(uuids) == 50
        for uuid in uuids:
            await bench.api(f"uuid_broadcast {uuid} {prompt} aleg")
        await bench.pass_ms(900)
        for uuid in uuids:
            assert bench.playback(uuid) == ["start prompt.wav", "done prompt.wav"]
            await bench.api(f"uuid_kill {uuid}")
        await bench.pass_ms(60)
        assert await bench.api("show channels as json") == '{"row_count": 0}\n'
        await asyncio.sleep(0)
