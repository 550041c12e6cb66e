"""What the simulator says of itself: the texts of a real FreeSWITCH, and its call to itself."""

from __future__ import annotations

import re
import time
from uuid import uuid4

import numpy as np

from tests.integration.simulator.conftest import OpenWorkbench

ITSELF = "loopback/m:^:answer^gentones:d=2000;5/default/inline"


async def test_modules_are_there_or_not(workbench: OpenWorkbench) -> None:
    async with workbench(modules_missing=frozenset({"mod_sndfile"})) as bench:
        assert await bench.api("module_exists mod_loopback") == "true"
        assert await bench.api("module_exists mod_sndfile") == "false"
        assert await bench.api("module_exists mod_nope") == "false"
        assert await bench.api("module_exists") == "-ERR no reply\n"


async def test_the_time_of_day_is_in_whole_seconds(workbench: OpenWorkbench) -> None:
    async with workbench(clock_ahead_s=3600) as bench:
        before = time.time()
        answer = await bench.api("strepoch")
        assert before + 3590 < int(answer) < time.time() + 3610
        assert await bench.api("strepoch yesterday") == "0"


async def test_a_gateway_is_told_as_freeswitch_does(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        text = await bench.api("sofia status gateway trunk")
        assert re.search(r"^Name    \ttrunk$", text, re.MULTILINE)
        assert re.search(r"^State   \tNOREG\nStatus  \tUP\nUptime  \t\d+s$", text, re.MULTILINE)
        assert re.search(r"^FailedCallsOUT\t0$", text, re.MULTILINE)
        assert await bench.api("sofia status gateway nope") == "Invalid Gateway!\n"


async def test_limits_are_those_that_were_set(workbench: OpenWorkbench) -> None:
    async with workbench(max_sessions=20, sessions_per_second=5) as bench:
        text = await bench.api("status")
        assert "\n20 session(s) max\n" in text
        assert "per Sec out of max 5," in text


async def test_a_call_to_itself_is_answered_and_sounds_the_key_five(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = str(uuid4())
        await bench.client.command(f"bgapi originate {{origination_uuid={uuid}}}{ITSELF} &park()")
        await bench.pass_ms(100)
        assert bench.names(uuid, "CHANNEL_ANSWER", "CHANNEL_PARK") == ["CHANNEL_ANSWER", "CHANNEL_PARK"]
        answered = await bench.client.event("CHANNEL_ANSWER", uuid)
        assert answered["Channel-Name"] == "loopback/m:^:answer^gentones:d=2000;5-a"
        await bench.api(f"uuid_audio_stream {uuid} start {bench.url} mono 16k")
        for _ in range(30):
            await bench.pass_ms(20)
        heard = bench.stream_samples()[-8192:].astype(float)
        power = np.square(np.abs(np.fft.rfft(heard * np.hanning(heard.size))))
        hz = np.fft.rfftfreq(heard.size, 1 / 16000)
        assert power[(abs(hz - 770) < 15) | (abs(hz - 1336) < 15)].sum() > 0.99 * power.sum()
        await bench.pass_ms(2000)
        assert "CHANNEL_HANGUP_COMPLETE" in bench.names(uuid)


async def test_without_mod_loopback_it_cannot_call_itself(workbench: OpenWorkbench) -> None:
    async with workbench(modules_missing=frozenset({"mod_loopback"})) as bench:
        assert await bench.api(f"originate {ITSELF} &park()") == "-ERR CHAN_NOT_IMPLEMENTED\n"


async def test_a_limit_of_streams_refuses_the_next_one(workbench: OpenWorkbench) -> None:
    async with workbench(stream_limit=1) as bench:
        first, second = await bench.call("1000"), await bench.call("1001")
        assert await bench.api(f"uuid_audio_stream {first} start {bench.url} mono 16k") == "+OK Success\n"
        assert await bench.api(f"uuid_audio_stream {second} start {bench.url} mono 16k") == "-ERR Operation Failed\n"
