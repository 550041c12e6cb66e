"""A channel against a simulated FreeSWITCH: dialling, prompts, and breaks at every moment of a prompt's beginning."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from robot.call.channel import Channel
from robot.call.failures import DialNotSent, KeysNotSent, NotAnswered, PromptNotPlayed, SwitchLost
from robot.call.outcome import Outcome
from robot.call.playback import PlaybackState
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.events import CallEvent, LinkLost, LinkRestored
from robot.simulator.callees_file import Callee, Dtmf, HangUp
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.sound import tone, write_wav

LENGTH_S = 1.0
CALLEES = [
    Callee(number="+33140000001", answer="human", ring_ms=0),
    Callee(number="+33140000002", answer="busy"),
    Callee(number="+33140000003", answer="human", ring_ms=0, hang_up=HangUp(after="prompt_start", wait_ms=300)),
    Callee(number="+33140000004", answer="no_answer"),
    Callee(number="+33140000005", answer="human", ring_ms=500),
    Callee(number="+33140000006", ring_ms=0, dtmf=(Dtmf(after="answer", wait_ms=200, digits="4*#"),)),
]


@dataclass
class Line:
    simulator: SimulatedFreeSwitch
    switch: EventSocketClient
    prompt: Prompt

    def channel(self) -> Channel:
        return Channel(str(uuid4()), self.switch)

    async def dial(self, channel: Channel, number: str = "+33140000001", ring_timeout_s: int = 5) -> None:
        await channel.dial(
            commands.originate(channel.uuid, "trunk", number, ring_timeout_s=ring_timeout_s), ring_timeout_s
        )


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    file = tmp_path / "prompt.wav"
    with wave.open(str(file), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\x00\x10" * int(8000 * LENGTH_S))
    async with SimulatedFreeSwitch(SimulatorSettings(), CALLEES) as simulator:
        settings = EventSocketSettings(port=simulator.event_socket_port)
        async with EventSocketClient(settings) as switch:
            yield Line(simulator, switch, Prompt(file, "a tone", LENGTH_S))


async def test_a_prompt_plays_to_its_end_and_the_channel_is_hung_up(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    playing = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=True)
    assert await playing.ended is PlaybackState.FINISHED
    await channel.hang_up()
    assert channel.hung_up.result() == "NORMAL_CLEARING"
    await channel.close()
    [heard] = line.simulator.heard(channel.uuid).prompts
    assert heard.how == "done"
    assert heard.to_ms - heard.from_ms == pytest.approx(1000, abs=20)


@pytest.mark.parametrize("broadcast", [True, False])
async def test_no_break_is_lost_at_any_moment_of_a_prompts_beginning(line: Line, broadcast: bool) -> None:
    async def break_after(delay_ms: int) -> None:
        channel = line.channel()
        await line.dial(channel)
        playing = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=broadcast)
        await asyncio.sleep(delay_ms / 1000)
        playing.stop()
        assert await playing.ended is PlaybackState.INTERRUPTED, f"break after {delay_ms} ms"
        await channel.hang_up()
        await channel.close()
        for heard in line.simulator.heard(channel.uuid).prompts:
            assert heard.how == "break", f"break after {delay_ms} ms"

    await asyncio.gather(*(break_after(delay_ms) for delay_ms in (0, 2, 10, 40, 80, 110, 130, 160, 200, 300, 400)))


async def test_a_callee_who_hangs_up_ends_the_prompt(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel, "+33140000003")
    playing = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=True)
    assert await playing.ended is PlaybackState.INTERRUPTED
    assert await channel.hung_up == "NORMAL_CLEARING"
    await channel.close()


async def test_a_file_that_is_not_there(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    missing = Prompt(line.prompt.file.with_name("missing.wav"), "nothing", 1.0)
    playing = channel.play(missing, root=line.prompt.file.parent, broadcast=True)
    assert await playing.ended is PlaybackState.MISSING
    await channel.hang_up()
    await channel.close()


async def test_a_path_that_could_do_something_else_is_not_sent(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    for name in ("a,b.wav", "${api(status)}.wav", "x.wav\n\napi status", "../x.wav"):
        with pytest.raises(PromptNotPlayed):
            channel.play(
                Prompt(line.prompt.file.with_name("x").parent / name, "x", 1), root=Path("/tmp"), broadcast=True
            )
    await channel.hang_up()
    await channel.close()


async def test_nobody_answers(line: Line) -> None:
    for number, outcome in (("+33140000002", Outcome.BUSY), ("+33140000009", Outcome.INVALID_NUMBER)):
        channel = line.channel()
        with pytest.raises(NotAnswered) as caught:
            await line.dial(channel, number)
        assert caught.value.outcome is outcome
        await channel.close()


async def test_what_was_not_sent_may_be_dialled_again_and_what_was_is_unknown(line: Line) -> None:
    dialling = line.channel()
    task = asyncio.create_task(line.dial(dialling, "+33140000004", ring_timeout_s=30))
    async with asyncio.timeout(5):
        while dialling.uuid not in line.simulator.channels:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)
    line.simulator.kill()
    with pytest.raises(SwitchLost) as lost:
        await task
    assert lost.value.outcome is Outcome.UNKNOWN
    await dialling.close()
    again = line.channel()
    with pytest.raises(DialNotSent) as refused:
        await line.dial(again)
    assert refused.value.outcome is Outcome.FAILED
    await again.close()


async def test_a_call_given_up_while_it_rings_is_ended_even_when_the_event_socket_is_away(line: Line) -> None:
    channel = line.channel()
    task = asyncio.create_task(line.dial(channel, "+33140000004", ring_timeout_s=30))
    async with asyncio.timeout(5):
        while channel.uuid not in line.simulator.channels:  # noqa: ASYNC110 - the simulator tells nobody
            await asyncio.sleep(0.01)
    line.simulator.drop_connections()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert channel.uuid in line.simulator.channels, "it rings on"
    await channel.hang_up()
    assert line.simulator.channels == {}
    await channel.close()


@pytest.mark.parametrize("delay_ms", [20, 480])
async def test_a_call_that_rings_while_the_event_socket_breaks_can_be_answered(line: Line, delay_ms: int) -> None:
    channel = line.channel()
    task = asyncio.create_task(line.dial(channel, "+33140000005"))  # picks up after 500 ms
    await asyncio.sleep(delay_ms / 1000)
    line.simulator.drop_connections()
    await task
    assert channel.answered_at is not None
    playing = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=True)
    assert await playing.ended is PlaybackState.FINISHED
    await channel.hang_up()
    await channel.close()


async def test_a_prompt_asked_for_while_the_event_socket_is_away_is_played_when_it_is_back(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    line.simulator.drop_connections()
    await asyncio.sleep(0.05)
    playing = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=True)
    assert await playing.ended is PlaybackState.FINISHED
    await channel.hang_up()
    await channel.close()
    [heard] = line.simulator.heard(channel.uuid).prompts
    assert heard.how == "done"


async def test_a_call_given_up_before_freeswitch_has_made_the_channel_is_ended_when_it_has(line: Line) -> None:
    channel = line.channel()
    task = asyncio.create_task(line.dial(channel))
    await asyncio.sleep(0)  # the command is in line, not on the wire
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await channel.hang_up()
    assert line.simulator.channels == {}
    assert channel.hung_up.done()
    await channel.close()


async def test_events_are_missed_from_the_loss_of_the_event_socket_until_the_channel_was_looked_at(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    missed: list[tuple[type[CallEvent], bool]] = []
    line.switch.subscribe(channel.uuid, lambda event: missed.append((type(event), channel.events_missed)))
    assert not channel.events_missed
    line.simulator.drop_connections()
    async with asyncio.timeout(8):
        while not missed or channel.events_missed:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    assert missed == [(LinkLost, True), (LinkRestored, True)]
    assert not channel.lost.done()
    await channel.hang_up()
    await channel.close()


async def test_a_freeswitch_that_was_killed_and_is_back_at_once_has_lost_the_call(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    line.simulator.kill()
    await line.simulator.restart()
    async with asyncio.timeout(8):
        assert "came back without the call" in str(await channel.lost)
    await channel.close()


@pytest.mark.parametrize("broadcast", [True, False])
async def test_a_prompt_is_stopped_and_goes_on_from_there(line: Line, broadcast: bool) -> None:
    channel = line.channel()
    await line.dial(channel)
    first = channel.play(line.prompt, root=line.prompt.file.parent, broadcast=broadcast)
    assert first.played_ms(asyncio.get_running_loop().time()) == 0
    await first.started
    await asyncio.sleep(0.4)
    first.stop()
    assert await first.ended is PlaybackState.INTERRUPTED
    cut_ms = first.played_ms(asyncio.get_running_loop().time())
    rest = channel.play(
        line.prompt, root=line.prompt.file.parent, broadcast=broadcast, start_ms=cut_ms - 100, rate=8000
    )
    assert await rest.ended is PlaybackState.FINISHED
    assert rest.played_ms(asyncio.get_running_loop().time()) == 1000
    await channel.hang_up()
    await channel.close()
    one, other = line.simulator.heard(channel.uuid).prompts
    assert one.to_ms - one.from_ms == pytest.approx(cut_ms, abs=60)
    assert other.start_ms == cut_ms - 100
    assert other.to_ms - other.from_ms == pytest.approx(1000 - other.start_ms, abs=20)
    assert (one.how, other.how) == ("break", "done")


async def test_where_in_a_file_to_begin_is_counted_at_the_files_own_rate(line: Line) -> None:
    file = line.prompt.file.with_name("wide.wav")
    write_wav(file, tone(300, 1000, 16000), 16000)
    channel = line.channel()
    await line.dial(channel)
    missing = Prompt(file.with_name("missing.wav"), "nothing", 1.0)
    playing = channel.play(missing, root=file.parent, broadcast=False, start_ms=500)
    assert await playing.ended is PlaybackState.MISSING
    for start_ms, length_ms in ((700, 300), (1000, 0), (5000, 0)):
        playing = channel.play(Prompt(file, "a tone", 1.0), root=file.parent, broadcast=False, start_ms=start_ms)
        assert await playing.ended is PlaybackState.FINISHED
        heard = line.simulator.heard(channel.uuid).prompts[-1]
        assert heard.to_ms - heard.from_ms == length_ms
    await channel.hang_up()
    await channel.close()


async def test_keys_of_the_callee_are_told_when_they_are_pressed(line: Line) -> None:
    channel = line.channel()
    keys: list[str] = []
    done = asyncio.Event()

    def pressed(digit: str, at: float) -> None:
        assert 0 <= asyncio.get_running_loop().time() - at < 1
        keys.append(digit)
        if digit == "#":
            done.set()

    channel.on_key = pressed
    await line.dial(channel, "+33140000006")
    async with asyncio.timeout(5):
        await done.wait()
    assert keys == ["4", "*", "#"]
    await channel.hang_up()
    await channel.close()


async def test_keys_have_been_heard_when_pressing_them_is_over(line: Line) -> None:
    channel = line.channel()
    await line.dial(channel)
    await channel.press("1w2")
    await asyncio.sleep(0.05)
    one, two = line.simulator.heard(channel.uuid).keys
    assert (one.digit, two.digit) == ("1", "2")
    assert two.at_ms - one.at_ms == pytest.approx(780, abs=40)
    with pytest.raises(KeysNotSent):
        await channel.press("call me")
    await channel.hang_up()
    with pytest.raises(KeysNotSent):
        await channel.press("1")
    await channel.close()
