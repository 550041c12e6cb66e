"""A callee is handed over to an agent, against a simulated FreeSWITCH: taken, not taken, and everybody who hangs up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from robot.call.channel import Channel
from robot.call.failures import DialRefused, SwitchLost
from robot.call.transfer import TransferEnd, TransferPlan, TransferResult, transfer
from robot.dialogue.scenario import Prompt
from robot.esl import commands
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.commands import Extension, Trunk
from robot.simulator import channel
from robot.simulator.callees_file import Callee, HangUp, Say
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from robot.simulator.heard import Heard
from robot.simulator.sound import tone, write_wav

CALLEE = "+33140000001"
TAKES = Extension("1000")
RINGS_ON = Extension("1003")
ANNOUNCE_MS = 400
WAIT_MS = 200


def _callees(folder: Path) -> list[Callee]:
    says = (Say(after="answer", wait_ms=600, audio=folder / "high.wav"),)
    hears_it = HangUp(after="prompt_start", wait_ms=100)
    return [
        Callee(number=CALLEE, ring_ms=0),
        Callee(number="+33140000002", ring_ms=0, hang_up=HangUp(after="answer", wait_ms=400)),
        Callee(number="1000", ring_ms=200, says=says),
        Callee(number="+33140000100", ring_ms=200, says=says),
        Callee(number="1001", answer="busy"),
        Callee(number="1002", answer="reject"),
        Callee(number="1003", answer="no_answer"),
        Callee(number="1004", ring_ms=0, hang_up=hears_it),
    ]


@dataclass
class House:
    """A callee whose call is ours, and everybody else by number. `announce` and `wait` are tones of their own."""

    simulator: SimulatedFreeSwitch
    switch: EventSocketClient
    folder: Path
    announce: Prompt
    wait: Prompt

    async def call(self, number: str = CALLEE) -> Channel:
        ours = Channel(str(uuid4()), self.switch)
        await ours.dial(commands.originate(ours.uuid, "trunk", number), ring_timeout_s=5)
        return ours

    async def hand_over(self, ours: Channel, plan: TransferPlan) -> TransferResult:
        return await transfer(ours, plan, self.switch, root=self.folder, broadcast=False)

    def agents(self) -> list[channel.Channel]:
        """The agents' legs of now, known by their variable."""
        return [leg for leg in self.simulator.channels.values() if "robot_agent_for" in leg.variables]

    async def until_it_rings(self) -> channel.Channel:
        async with asyncio.timeout(5):
            while not self.agents():  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)
        return self.agents()[0]

    async def until_nobody_is_left(self) -> None:
        async with asyncio.timeout(15):
            while self.simulator.channels:  # noqa: ASYNC110 - the simulator tells nobody
                await asyncio.sleep(0.01)


def loudest_hz(heard: Heard, from_ms: float) -> float:
    """The frequency that somebody heard from then on."""
    sound = heard.samples[int(from_ms * heard.rate / 1000) :].astype(np.float64)
    assert sound.any(), "nothing was heard"
    return float(np.argmax(np.abs(np.fft.rfft(sound))) * heard.rate / len(sound))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    for name, hz, ms in (("announce", 400, ANNOUNCE_MS), ("wait", 600, WAIT_MS), ("high", 1200, 600)):
        write_wav(tmp_path / f"{name}.wav", tone(hz, ms, 8000), 8000)
    announce = Prompt(tmp_path / "announce.wav", "somebody for you", ANNOUNCE_MS / 1000)
    wait = Prompt(tmp_path / "wait.wav", "one moment", WAIT_MS / 1000)
    async with (
        SimulatedFreeSwitch(SimulatorSettings(), _callees(tmp_path)) as simulator,
        EventSocketClient(EventSocketSettings(port=simulator.event_socket_port)) as switch,
    ):
        yield House(simulator, switch, tmp_path, announce, wait)


@pytest.mark.parametrize("to", [TAKES, Trunk("trunk", "+33140000100")])
async def test_a_blind_transfer_is_taken_and_the_agent_is_heard(house: House, to: Extension | Trunk) -> None:
    ours = await house.call()
    assert await house.hand_over(ours, TransferPlan(to)) == TransferResult(TransferEnd.TAKEN)
    assert ours.bridged
    [agent] = house.agents()
    assert agent.variables["robot_agent_for"] == ours.uuid
    taken_ms = house.simulator.heard(ours.uuid).duration_ms
    await asyncio.sleep(1.2)
    assert loudest_hz(house.simulator.heard(ours.uuid), taken_ms) == pytest.approx(1200, abs=20)
    assert house.simulator.heard(ours.uuid).prompts == []
    await ours.hang_up()
    assert not ours.hung_up.done(), "two people who talk are not cut off"
    agent.hang_up("NORMAL_CLEARING", by_callee=True)
    async with asyncio.timeout(5):
        assert await ours.hung_up == "NORMAL_CLEARING"
    await ours.close()
    await house.until_nobody_is_left()


async def test_an_announced_transfer_the_agent_hears_it_first_and_the_callee_waits(house: House) -> None:
    ours = await house.call()
    plan = TransferPlan(TAKES, announce=house.announce, wait=house.wait)
    assert (await house.hand_over(ours, plan)).end is TransferEnd.TAKEN
    [agent] = house.agents()
    [announcement] = house.simulator.heard(agent.uuid).prompts
    assert (announcement.prompt, announcement.how) == (str(house.announce.file), "done")
    heard = house.simulator.heard(ours.uuid).prompts
    assert {prompt.prompt for prompt in heard} == {str(house.wait.file)}
    # Ringing and announcement last 600 ms, a round of waiting 700.
    assert [prompt.how for prompt in heard][:1] == ["done"]
    await asyncio.sleep(1.0)
    assert len(house.simulator.heard(ours.uuid).prompts) == len(heard), "nobody waits any more"
    house.simulator.channels[ours.uuid].hang_up("NORMAL_CLEARING", by_callee=True)
    await house.until_nobody_is_left()
    await ours.close()


@pytest.mark.parametrize(
    ("to", "cause"),
    [
        (Extension("1001"), "USER_BUSY"),
        (Extension("1002"), "CALL_REJECTED"),
        (RINGS_ON, "NO_ANSWER"),
        (Extension("4711"), "SUBSCRIBER_ABSENT"),
        (Trunk("nowhere", "+33140000100"), "INVALID_GATEWAY"),
        (Trunk("trunk", "+33140000999"), "NO_ROUTE_DESTINATION"),
    ],
)
async def test_nobody_takes_it_and_the_callee_is_still_ours(house: House, to: Extension | Trunk, cause: str) -> None:
    ours = await house.call()
    plan = TransferPlan(to, wait=house.wait, ring_timeout_s=1)
    assert await house.hand_over(ours, plan) == TransferResult(TransferEnd.NOBODY, cause)
    playing = ours.play(house.announce, root=house.folder, broadcast=False)
    await playing.ended
    assert house.simulator.heard(ours.uuid).prompts[-1].prompt == str(house.announce.file)
    await ours.hang_up()
    await ours.close()
    assert house.simulator.channels == {}


async def test_an_agent_who_hangs_up_during_the_announcement_has_not_taken_it(house: House) -> None:
    ours = await house.call()
    plan = TransferPlan(Extension("1004"), announce=house.announce)
    assert await house.hand_over(ours, plan) == TransferResult(TransferEnd.NOBODY, "NORMAL_CLEARING")
    assert not ours.hung_up.done()
    await ours.hang_up()
    await ours.close()


async def test_a_callee_who_hangs_up_while_it_rings_takes_the_agents_leg_along(house: House) -> None:
    ours = await house.call("+33140000002")
    result = await house.hand_over(ours, TransferPlan(RINGS_ON, wait=house.wait))
    assert result.end is TransferEnd.CALLEE_GONE
    assert house.agents() == []
    await ours.close()


async def test_a_callee_who_hangs_up_during_the_announcement_takes_the_agents_leg_along(house: House) -> None:
    ours = await house.call("+33140000002")
    plan = TransferPlan(TAKES, announce=house.announce)
    assert (await house.hand_over(ours, plan)).end is TransferEnd.CALLEE_GONE
    assert house.agents() == []
    await ours.close()


async def test_a_transfer_that_is_given_up_leaves_no_agent_ringing(house: House) -> None:
    ours = await house.call()
    task = asyncio.create_task(house.hand_over(ours, TransferPlan(RINGS_ON, wait=house.wait)))
    await house.until_it_rings()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert house.agents() == []
    assert not ours.hung_up.done()
    await ours.hang_up()
    await ours.close()


async def test_the_limit_of_our_call_is_lifted_when_they_talk(house: House) -> None:
    ours = await house.call()
    await ours.api(commands.sched_hangup(ours.uuid, 1))
    assert (await house.hand_over(ours, TransferPlan(TAKES))).end is TransferEnd.TAKEN
    await asyncio.sleep(1.2)
    assert not ours.hung_up.done()
    await ours.close()


async def test_a_bridge_that_everybody_forgot_is_ended_by_freeswitch(house: House) -> None:
    ours = await house.call()
    await ours.api(commands.sched_hangup(ours.uuid, 30))
    assert (await house.hand_over(ours, TransferPlan(TAKES, max_talk_s=1))).end is TransferEnd.TAKEN
    async with asyncio.timeout(5):
        assert await ours.hung_up == "ALLOTTED_TIMEOUT"
    await house.until_nobody_is_left()
    await ours.close()


async def test_the_event_socket_may_break_while_the_agent_rings(house: House) -> None:
    ours = await house.call()
    task = asyncio.create_task(house.hand_over(ours, TransferPlan(TAKES, announce=house.announce)))
    await house.until_it_rings()
    house.simulator.drop_connections()
    async with asyncio.timeout(20):
        assert (await task).end is TransferEnd.TAKEN
    await ours.close()


async def test_a_freeswitch_that_dies_while_the_agent_rings_ends_the_call(house: House) -> None:
    ours = await house.call()
    task = asyncio.create_task(house.hand_over(ours, TransferPlan(RINGS_ON)))
    await house.until_it_rings()
    house.simulator.kill()
    await house.simulator.restart()
    async with asyncio.timeout(20):
        assert isinstance(await ours.lost, SwitchLost)
        # It may have noticed the loss of the agent's leg first.
        [ended] = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(ended, SwitchLost) or ended == TransferResult(TransferEnd.NOBODY)
    await ours.close()


async def test_an_agents_leg_that_nobody_bridges_is_ended_by_freeswitch(house: House) -> None:
    ours = await house.call()
    agent = Channel(str(uuid4()), house.switch)
    command = commands.originate_agent(agent.uuid, TAKES, callee=ours.uuid, longest_park_s=1)
    await agent.dial(command, ring_timeout_s=5)
    async with asyncio.timeout(5):
        assert await agent.hung_up == "ALLOTTED_TIMEOUT"
    await agent.close()
    await ours.hang_up()
    await ours.close()


async def test_a_plan_that_could_do_something_else_is_not_sent(house: House) -> None:
    ours = await house.call()
    for to in (Extension("1000,user/1001"), Trunk("trunk", "0033140000100"), Extension("${x}")):
        with pytest.raises(DialRefused):
            await house.hand_over(ours, TransferPlan(to))
    assert house.agents() == []
    await ours.hang_up()
    await ours.close()
