"""A callee is handed over to an agent who is a number behind the same gateway: what FreeSWITCH does with both legs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from robot.call.channel import Channel
from robot.call.playback import PlaybackState
from robot.call.transfer import TransferEnd, TransferPlan, TransferResult, transfer
from robot.campaign.definition import Campaign, load_campaign
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.commands import Trunk
from robot.simulator.callees_file import load_callees
from robot.simulator.sound import tone, write_wav
from tests.live.worlds import GATEWAY, FarSide, Kind, Real, Simulated, World, open_world, shared_folder

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+33140000050"
ring_ms = 0

[[callee]]
number = "+33140000051"
ring_ms = 0
hang_up = { after = "answer", wait_ms = 1500 }

[[callee]]
number = "+33140000060"
ring_ms = 300

[[callee]]
number = "+33140000061"
answer = "busy"

[[callee]]
number = "+33140000062"
answer = "no_answer"

[[callee]]
number = "+33140000063"
ring_ms = 0
hang_up = { after = "prompt_start", wait_ms = 200 }

[[callee]]
number = "+33140000064"
ring_ms = 0
hang_up = { after = "answer", wait_ms = 2500 }
"""
CALLEE, SHORT_CALLEE = "+33140000050", "+33140000051"
TAKES, BUSY, RINGS_ON, GIVES_UP, TALKS_SHORTLY = (f"+3314000006{digit}" for digit in range(5))
ANNOUNCE_MS = 1000


@dataclass
class House:
    far: FarSide
    switch: EventSocketClient
    folder: Path

    @asynccontextmanager
    async def call(self, number: str = CALLEE) -> AsyncIterator[Channel]:
        ours = Channel(str(uuid4()), self.switch)
        try:
            await ours.dial(commands.originate(ours.uuid, GATEWAY, number), ring_timeout_s=10)
            yield ours
        finally:
            if ours.bridged and not ours.hung_up.done():
                await self.switch.api(commands.kill(ours.uuid))
            await ours.hang_up()
            await ours.close()

    async def hand_over(
        self, ours: Channel, number: str, *, announce: bool = False, wait: bool = True, max_talk_s: int = 7200
    ) -> TransferResult:
        plan = TransferPlan(
            Trunk(GATEWAY, number),
            announce=Prompt(self.folder / "announce.wav", "somebody for you", ANNOUNCE_MS / 1000) if announce else None,
            wait=Prompt(self.folder / "wait.wav", "one moment", 0.5) if wait else None,
            ring_timeout_s=3,
            max_talk_s=max_talk_s,
        )
        return await transfer(ours, plan, self.switch, root=self.folder, broadcast=False)

    async def exist(self, uuids: Iterable[str]) -> list[str]:
        return [await self.switch.api(commands.exists(uuid)) for uuid in uuids]


@asynccontextmanager
async def open_house(kind: Kind) -> AsyncIterator[House]:
    with shared_folder() as folder:
        (folder / "callees.toml").write_text(CALLEES)
        callees = load_callees(folder / "callees.toml")
        write_wav(folder / "announce.wav", tone(400, ANNOUNCE_MS, 8000), 8000)
        write_wav(folder / "wait.wav", tone(600, 500, 16000), 16000)
        far: FarSide = Simulated(callees) if kind == "simulator" else Real(callees, folder)
        async with far, EventSocketClient(far.socket) as switch:
            yield House(far, switch, folder)


async def _other_leg(house: House, ours: Channel) -> str:
    return await house.switch.api(commands.getvar(ours.uuid, "bridge_uuid"))


@pytest.mark.parametrize("announce", [False, True])
async def test_taken_and_ended_by_the_robot_without_cutting_them_off(kind: Kind, announce: bool) -> None:
    async with open_house(kind) as house, house.call() as ours:
        await ours.api(commands.sched_hangup(ours.uuid, 4))
        assert await house.hand_over(ours, TAKES, announce=announce) == TransferResult(TransferEnd.TAKEN)
        agent = await _other_leg(house, ours)
        assert await house.switch.api(commands.getvar(agent, "robot_agent_for")) == ours.uuid
        await ours.hang_up()
        await asyncio.sleep(4)
        assert await house.exist([ours.uuid, agent]) == ["true", "true"], "the limit of the robot's call was lifted"
        await house.switch.api(commands.kill(agent))
        async with asyncio.timeout(5):
            assert await ours.hung_up == "NORMAL_CLEARING"
        announced = await house.far.prompts(agent) or []
        heard = await house.far.prompts(ours.uuid) or []
    assert [Path(prompt.prompt).name for prompt in announced] == ["announce.wav"] * announce
    assert [prompt.how for prompt in announced] == ["done"] * announce
    assert {Path(prompt.prompt).name for prompt in heard} == {"wait.wav"}


async def test_freeswitch_ends_a_talk_that_takes_too_long_whose_robot_is_gone(kind: Kind) -> None:
    async with open_house(kind) as house, house.call() as ours:
        await ours.api(commands.sched_hangup(ours.uuid, 30))
        assert (await house.hand_over(ours, TAKES, max_talk_s=2)).end is TransferEnd.TAKEN
        agent = await _other_leg(house, ours)
        await asyncio.sleep(1)
        assert await house.exist([ours.uuid, agent]) == ["true", "true"]
        async with asyncio.timeout(3):
            assert await ours.hung_up == "ALLOTTED_TIMEOUT"
        await asyncio.sleep(0.3)
        assert await house.exist([ours.uuid, agent]) == ["false", "false"]


async def test_an_agent_who_hangs_up_ends_the_callees_call(kind: Kind) -> None:
    async with open_house(kind) as house, house.call() as ours:
        assert (await house.hand_over(ours, TALKS_SHORTLY)).end is TransferEnd.TAKEN
        async with asyncio.timeout(10):
            assert await ours.hung_up == "NORMAL_CLEARING"


async def test_a_callee_who_hangs_up_ends_the_agents_call(kind: Kind) -> None:
    async with open_house(kind) as house, house.call(SHORT_CALLEE) as ours:
        assert (await house.hand_over(ours, TAKES)).end is TransferEnd.TAKEN
        agent = await _other_leg(house, ours)
        async with asyncio.timeout(10):
            await ours.hung_up
        await asyncio.sleep(0.3)
        assert await house.exist([ours.uuid, agent]) == ["false", "false"]


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (BUSY, "USER_BUSY"),
        (RINGS_ON, "NO_ANSWER"),
        (GIVES_UP, "NORMAL_CLEARING"),
        ("+33140000099", "NO_ROUTE_DESTINATION"),
    ],
)
async def test_nobody_takes_it_and_the_callee_can_be_spoken_to(kind: Kind, number: str, cause: str) -> None:
    async with open_house(kind) as house, house.call() as ours:
        announce = number == GIVES_UP
        assert await house.hand_over(ours, number, announce=announce) == TransferResult(TransferEnd.NOBODY, cause)
        prompt = Prompt(house.folder / "announce.wav", "nobody is there", ANNOUNCE_MS / 1000)
        playing = ours.play(prompt, root=house.folder, broadcast=False, start_ms=700, rate=8000)
        assert await playing.ended is PlaybackState.FINISHED
        assert playing.playback.ended_at is not None
        assert playing.playback.started_at is not None
        assert playing.playback.ended_at - playing.playback.started_at == pytest.approx(0.3, abs=0.1)


async def test_a_callee_who_hangs_up_while_it_rings_leaves_nobody_ringing(kind: Kind) -> None:
    legs: list[str] = []
    async with open_house(kind) as house, house.call(SHORT_CALLEE) as ours:
        house.switch.look_on(lambda event: legs.append(event.uuid) if event.name == "CHANNEL_PROGRESS" else None)
        assert (await house.hand_over(ours, RINGS_ON)).end is TransferEnd.CALLEE_GONE
        assert legs, "it did ring"
        assert set(await house.exist(legs)) == {"false"}


CAMPAIGN = """
name = "handing over"
gateway = "{gateway}"
max_call_s = 10

[amd]
enabled = false

[[step]]
name = "hand_over"

[step.transfer]
number = "{number}"
announce = "A caller."
announce_audio = "announce.wav"
wait = "Wait."
wait_audio = "wait.wav"
ring_timeout_s = 5
failed = "sorry"

[[step]]
name = "sorry"
text = "Nobody is there."
audio = "announce.wav"
outcome = "callback"
"""


def handing_over_to(number: str, folder: Path) -> Campaign:
    folder.mkdir()
    (folder / "campaign.toml").write_text(CAMPAIGN.format(gateway=GATEWAY, number=number))
    write_wav(folder / "announce.wav", tone(400, ANNOUNCE_MS, 8000), 8000)
    write_wav(folder / "wait.wav", tone(600, 500, 16000), 16000)
    return load_campaign(folder)


@asynccontextmanager
async def open_office(kind: Kind) -> AsyncIterator[World]:
    with shared_folder() as folder:
        async with open_world(kind, folder, CALLEES, playback="execute") as world:
            yield world


async def test_a_call_that_was_handed_over_lasts_as_long_as_the_two_talk(kind: Kind) -> None:
    async with open_office(kind) as world:
        call = await world.call(CALLEE, handing_over_to(TALKS_SHORTLY, world.folder / "campaign"))
        assert await world.nobody_is_left([call.report.uuid])
    assert (call.report.outcome, call.report.error) == ("transferred", None)
    assert call.report.talk_ms == pytest.approx(2500, abs=600)
    assert call.stored.outcome == "transferred"


async def test_two_who_have_done_before_the_robot_knows_that_they_talk_were_handed_over(
    kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow_switch(transfer: object) -> None:
        await asyncio.sleep(20)

    monkeypatch.setattr("robot.call.transfer._Transfer._limit_talk", slow_switch)
    async with open_office(kind) as world:
        call = await world.call(CALLEE, handing_over_to(TALKS_SHORTLY, world.folder / "campaign"))
    assert (call.report.outcome, call.report.error) == ("transferred", None)
    assert call.stored.transferred_to == TALKS_SHORTLY


async def test_a_robot_that_ends_does_not_cut_them_off(kind: Kind) -> None:
    async with open_office(kind) as world:
        call, running = world.dial(CALLEE, handing_over_to(TAKES, world.folder / "campaign"))
        async with asyncio.timeout(15):
            while not call._channel.bridged:  # noqa: ASYNC110 - told to nobody but the call
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)
        call.stop("the robot is told to end")
        report = await running
        assert report.outcome == "transferred"
        await asyncio.sleep(1)
        assert not await world.nobody_is_left([call.uuid])
        await world.switch.api(commands.kill(call.uuid))


async def test_when_nobody_takes_it_the_script_goes_on(kind: Kind) -> None:
    async with open_office(kind) as world:
        call = await world.call(CALLEE, handing_over_to(BUSY, world.folder / "campaign"))
    assert (call.report.outcome, call.report.error) == ("callback", None)
    assert [turn.text for turn in call.report.turns] == ["Nobody is there."]
