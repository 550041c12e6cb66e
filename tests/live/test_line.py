"""FreeSWITCH itself, below the daemon: what it answers, breaks of young prompts, keys, streams that are refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import uuid4

import pytest

from robot.call.channel import Channel
from robot.call.playback import PlaybackState
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.commands import Command
from robot.esl.errors import CommandRefused
from robot.esl.events import ApplicationCompleted, CallEvent, Dtmf, PlaybackStarted, PlaybackStopped
from robot.simulator.callees_file import load_callees
from robot.simulator.sound import tone, write_wav
from tests.live.worlds import GATEWAY, NAMED, FarSide, Kind, Real, Simulated, shared_folder

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+33140000040"
answer = "human"
ring_ms = 0
dtmf = [{ after = "prompt_start", wait_ms = 300, digits = "1*#" }]

[[callee]]
number = "*"
answer = "human"
ring_ms = 0
"""
HUM_MS = 2000

Found = TypeVar("Found", bound=CallEvent)


@dataclass
class Line:
    """An event socket, its FreeSWITCH, and a prompt of two seconds in a folder that FreeSWITCH can read."""

    far: FarSide
    switch: EventSocketClient
    folder: Path
    hum: Prompt


@dataclass
class Leg:
    """An answered call, with all that happened to it."""

    channel: Channel
    events: list[CallEvent] = field(default_factory=list)

    @property
    def uuid(self) -> str:
        return self.channel.uuid

    async def first(self, kind: type[Found], matching: Callable[[Found], bool] = lambda event: True) -> Found:
        """Wait for it."""
        async with asyncio.timeout(5):
            while True:
                for event in self.events:
                    if isinstance(event, kind) and matching(event):
                        return event
                await asyncio.sleep(0.01)


@asynccontextmanager
async def open_line(kind: Kind) -> AsyncIterator[Line]:
    with shared_folder() as folder:
        (folder / "callees.toml").write_text(CALLEES)
        callees = load_callees(folder / "callees.toml")
        write_wav(folder / "hum.wav", tone(300, HUM_MS, 8000), 8000)
        far: FarSide = Simulated(callees) if kind == "simulator" else Real(callees, folder)
        async with far, EventSocketClient(far.socket) as switch:
            yield Line(far, switch, folder, Prompt(folder / "hum.wav", "a hum", HUM_MS / 1000))


@asynccontextmanager
async def open_leg(line: Line, number: str = "+33140000001") -> AsyncIterator[Leg]:
    leg = Leg(Channel(str(uuid4()), line.switch))
    subscription = line.switch.subscribe(leg.uuid, leg.events.append)
    try:
        await leg.channel.dial(commands.originate(leg.uuid, GATEWAY, number), ring_timeout_s=10)
        yield leg
    finally:
        await leg.channel.hang_up()
        await leg.channel.close()
        subscription.close()


@pytest.mark.freeswitch
@pytest.mark.skipif(not NAMED, reason="no FreeSWITCH is named: all of tests/live ran against the simulator alone")
async def test_the_freeswitch_that_is_named_has_what_these_tests_need() -> None:
    async with open_line("freeswitch") as line:
        assert await line.switch.api(commands.module_exists("mod_audio_stream")) == "true"
        gateway = await line.switch.api(commands.gateway_status(GATEWAY))
    assert gateway != "Invalid Gateway!", "copy freeswitch_conf/loopback_trunk into its configuration"


@pytest.mark.parametrize("playback", ["broadcast", "execute"])
async def test_no_break_of_a_young_prompt_is_lost(kind: Kind, playback: str) -> None:
    delays_ms = range(0, 301, 20)

    async def breaks(line: Line, after_start: bool, uuids: list[str]) -> list[PlaybackState]:
        states = []
        async with open_leg(line) as leg:
            uuids.append(leg.uuid)
            for delay_ms in delays_ms:
                await asyncio.sleep(0.2)
                prompt = leg.channel.play(line.hum, root=line.folder, broadcast=playback == "broadcast")
                if after_start:
                    await prompt.started
                await asyncio.sleep(delay_ms / 1000)
                prompt.stop()
                states.append(await prompt.ended)
        return states

    uuids: list[str] = []
    async with open_line(kind) as line:
        of_legs = await asyncio.gather(*(breaks(line, after_start, uuids) for after_start in (False, True)))
        heard = [prompt for uuid in uuids for prompt in await line.far.prompts(uuid) or ()]
    assert of_legs == [[PlaybackState.INTERRUPTED] * len(delays_ms)] * 2
    # Those that were broken before they began may never be heard at all.
    assert len(heard) >= len(delays_ms)
    assert {prompt.how for prompt in heard} == {"break"}
    assert max(prompt.to_ms - prompt.from_ms for prompt in heard) < 600


async def test_keys_arrive_and_do_not_stop_the_prompt(kind: Kind) -> None:
    async with open_line(kind) as line, open_leg(line, "+33140000040") as leg:
        line.switch.send(commands.play(leg.uuid, line.hum.file, root=line.folder))
        for digit in "1*#":
            await leg.first(Dtmf, lambda key, digit=digit: key.digit == digit)  # type: ignore[misc]
        stopped = await leg.first(PlaybackStopped)
    assert stopped.status == "done"
    assert [event.digit for event in leg.events if isinstance(event, Dtmf)] == ["1", "*", "#"]


async def test_keys_are_heard_when_pressing_them_is_over(kind: Kind) -> None:
    async with open_line(kind) as line, open_leg(line) as leg:
        await leg.channel.press("1w2#")
        await asyncio.sleep(0.1)  # events are polled
        keys = line.far.keys(leg.uuid)
    assert [key.digit for key in keys] == ["1", "2", "#"]
    assert keys[1].at_ms - keys[0].at_ms == pytest.approx(780, abs=100)
    assert keys[2].at_ms - keys[1].at_ms == pytest.approx(280, abs=100)


@pytest.mark.parametrize("playback", ["broadcast", "execute"])
async def test_a_prompt_that_was_stopped_goes_on_where_it_was_cut(kind: Kind, playback: str) -> None:
    wide = "wide.wav"
    async with open_line(kind) as line, open_leg(line) as leg:
        write_wav(line.folder / wide, tone(300, HUM_MS, 16000), 16000)
        for prompt, rate in ((line.hum, 8000), (Prompt(line.folder / wide, "a hum", HUM_MS / 1000), 16000)):
            broadcast = playback == "broadcast"
            first = leg.channel.play(prompt, root=line.folder, broadcast=broadcast)
            await first.started
            await asyncio.sleep(1.5)
            first.stop()
            assert await first.ended is PlaybackState.INTERRUPTED
            cut_ms = first.played_ms(asyncio.get_running_loop().time())
            assert 1500 <= cut_ms <= 1700
            rest = leg.channel.play(prompt, root=line.folder, broadcast=broadcast, start_ms=cut_ms - 300, rate=rate)
            assert await rest.ended is PlaybackState.FINISHED
        heard = await line.far.prompts(leg.uuid) if kind == "simulator" else None
    stopped = [event for event in leg.events if isinstance(event, PlaybackStopped)]
    assert [event.status.value for event in stopped] == ["break", "done"] * 2
    began = [event.at for event in leg.events if isinstance(event, PlaybackStarted)]
    for index in (1, 3):
        assert stopped[index].at - began[index] == pytest.approx(2.0 - 1.3, abs=0.25)
    if heard is not None:
        assert [round(prompt.start_ms) > 0 for prompt in heard] == [False, True] * 2


async def test_a_second_prompt_waits_for_the_first(kind: Kind) -> None:
    async with open_line(kind) as line, open_leg(line) as leg:
        for event_uuid in ("first", "second"):
            line.switch.send(commands.play(leg.uuid, line.hum.file, root=line.folder, event_uuid=event_uuid))
        await leg.first(ApplicationCompleted, lambda event: event.application_uuid == "second")
    playback = [type(event) for event in leg.events if isinstance(event, PlaybackStarted | PlaybackStopped)]
    assert playback == [PlaybackStarted, PlaybackStopped] * 2


async def _refusal(line: Line, command: Command) -> str:
    with pytest.raises(CommandRefused) as refused:
        await line.switch.api(command)
    return refused.value.reply


async def test_what_is_refused_and_how(kind: Kind) -> None:
    nobody = str(uuid4())
    url = "ws://127.0.0.77:1/stream/x"
    async with open_line(kind) as line, open_leg(line) as leg:
        assert await _refusal(line, commands.break_(nobody)) == "-ERR No such channel!"
        assert await _refusal(line, commands.kill(nobody)) == "-ERR No such channel!"
        assert await _refusal(line, commands.broadcast(nobody, line.hum.file, root=line.folder)) == "-ERR invalid uuid"
        assert await _refusal(line, commands.audio_stream_start(nobody, url)) == "-ERR Operation Failed"
        assert await _refusal(line, commands.audio_stream_stop(leg.uuid)) == "-ERR Operation Failed"
        assert await _refusal(line, commands.answer(nobody)) == "-ERROR"
        assert await line.switch.api(commands.exists(nobody)) == "false"
        assert await line.switch.api(commands.exists(leg.uuid)) == "true"
        assert await line.switch.api(commands.break_(leg.uuid)) == "+OK"
        assert await line.switch.api(commands.getvar(leg.uuid, "robot_knows_nothing")) == "_undef_"
        assert await line.switch.api(commands.gateway_status("nowhere")) == "Invalid Gateway!"


async def test_a_missing_file_is_told_at_the_end_of_its_application(kind: Kind) -> None:
    async with open_line(kind) as line, open_leg(line) as leg:
        for command in (commands.play, commands.broadcast):
            before = len(leg.events)
            await line.switch.api(command(leg.uuid, line.folder / "nothing.wav", root=line.folder))
            told = await leg.first(ApplicationCompleted, lambda event: event.file_missing)
            assert told.argument == str(line.folder / "nothing.wav")
            assert not any(isinstance(event, PlaybackStarted) for event in leg.events[before:])
            leg.events.clear()
