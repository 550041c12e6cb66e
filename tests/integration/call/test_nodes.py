"""Several FreeSWITCHes: who takes the next call, and what happens when one of them goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from robot.call.failures import NoFreeNode
from robot.call.nodes import Node, NodeLimits, Nodes
from robot.esl.client import EventSocketClient, EventSocketSettings
from robot.esl.errors import CannotConnect
from robot.esl.link import LinkThread
from robot.simulator.freeswitch import SimulatedFreeSwitch, SimulatorSettings
from tests.waiting import until

NO_LIMITS = NodeLimits()


@dataclass
class House:
    """Two simulated FreeSWITCHes, paris and lyon, and what we know of them."""

    paris: SimulatedFreeSwitch
    lyon: SimulatedFreeSwitch
    nodes: Nodes

    def take(self, times: int, gateway: str = "trunk") -> list[str]:
        return [self.nodes.take(gateway).name for _ in range(times)]

    def status(self, name: str) -> tuple[bool, int, dict[str, bool]]:
        [status] = [each for each in self.nodes.status if each.name == name]
        return status.connected, status.free, status.gateways


@asynccontextmanager
async def house(
    *, paris: NodeLimits = NO_LIMITS, lyon: NodeLimits = NO_LIMITS, start: bool = True
) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        thread = LinkThread()
        await thread.start()
        stack.push_async_callback(thread.close)
        switches, nodes = [], []
        for name, limits in (("paris", paris), ("lyon", lyon)):
            switch = await stack.enter_async_context(SimulatedFreeSwitch(SimulatorSettings(), []))
            settings = EventSocketSettings(port=switch.event_socket_port, node=name)
            client = EventSocketClient(settings, thread)
            nodes.append(Node(name, client, stream_host="127.0.0.1", broadcast=True, limits=limits))
            switches.append(switch)
        both = Nodes(nodes)
        if start:
            await both.start()
            stack.push_async_callback(both.close)
        yield House(switches[0], switches[1], both)


async def test_calls_go_where_there_is_most_room() -> None:
    async with house(paris=NodeLimits(max_calls=4), lyon=NodeLimits(max_calls=2)) as here:
        assert sorted(here.take(6)) == ["lyon", "lyon", "paris", "paris", "paris", "paris"]
        with pytest.raises(NoFreeNode, match=r"as many calls as it may \(paris, lyon\)") as refused:
            here.take(1)
        assert not refused.value.switch_away


async def test_a_call_that_is_over_makes_room() -> None:
    async with house(paris=NodeLimits(max_calls=1), lyon=NodeLimits(max_calls=0)) as here:
        node = here.nodes.take("trunk")
        with pytest.raises(NoFreeNode):
            here.take(1)
        node.release()
        assert here.take(1) == ["paris"]


async def test_a_node_that_is_down_takes_no_calls_and_comes_back() -> None:
    async with house() as here:
        here.paris.kill()
        await until(lambda: not here.status("paris")[0])
        assert set(here.take(5)) == {"lyon"}
        await here.paris.restart()
        await until(lambda: here.status("paris")[0])
        assert here.take(1) == ["paris"]


async def test_nobody_is_there() -> None:
    async with house() as here:
        here.paris.kill()
        here.lyon.kill()
        await until(lambda: not any(status.connected for status in here.nodes.status))
        with pytest.raises(NoFreeNode, match=r"no FreeSWITCH can be reached \(paris, lyon\)") as refused:
            here.take(1)
        assert refused.value.switch_away


async def test_it_starts_when_one_of_two_is_there_and_finds_the_other_later() -> None:
    async with house(start=False) as here:
        here.paris.kill()
        await asyncio.sleep(0)  # its socket closes
        await here.nodes.start()
        try:
            assert here.take(1) == ["lyon"]
            await here.paris.restart()
            await until(lambda: here.status("paris")[0])
        finally:
            await here.nodes.close()


async def test_it_does_not_start_when_none_is_there() -> None:
    async with house(start=False) as here:
        here.paris.kill()
        here.lyon.kill()
        await asyncio.sleep(0)
        with pytest.raises(CannotConnect):
            await here.nodes.start()


async def test_robot_toml_says_which_gateways_a_node_may_use() -> None:
    gateways = frozenset({"orange"})
    async with house(paris=NodeLimits(gateways=gateways), lyon=NodeLimits(gateways=gateways)) as here:
        assert here.take(1, "orange")
        with pytest.raises(NoFreeNode, match="may use the gateway trunk"):
            here.take(1, "trunk")
    async with house(paris=NodeLimits(gateways=gateways)) as here:
        assert set(here.take(3, "trunk")) == {"lyon"}


async def test_a_node_whose_gateway_is_down_is_the_last_choice() -> None:
    async with house(lyon=NodeLimits(max_calls=2)) as here:
        here.paris.gateways_down.add("trunk")
        here.paris.drop_connections()  # asked again when the link is back
        await until(lambda: here.status("paris")[2] == {"trunk": False} and here.status("lyon")[2] == {"trunk": True})
        assert here.take(3) == ["lyon", "lyon", "paris"]


async def test_a_freeswitch_is_known_by_its_core_uuid_also_after_a_restart() -> None:
    async with house() as here:
        first = here.paris.bus.core_uuid
        await until(lambda: here.nodes.running(first) is not None)
        here.paris.kill()
        await here.paris.restart()
        second = here.paris.bus.core_uuid
        assert second != first
        await until(lambda: here.nodes.running(second) is not None)
        assert here.nodes.running(first) is None
        node = here.nodes.running(second)
        assert node is not None
        assert node.name == "paris"
