"""How a client begins: two connections, what keeps it from connecting, and being closed and started again."""

from __future__ import annotations

import asyncio

import pytest

from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.errors import CannotConnect, CommandStage, ConnectionLost, NotAllowed, WrongPassword
from robot.esl.events import SUBSCRIPTION
from robot.esl.link import LinkThread
from tests.integration.esl.conftest import settings_for
from tests.integration.esl.scripted_server import ScriptedServer
from tests.waiting import until


async def test_two_connections_one_of_them_subscribed_once(server: ScriptedServer, client: EventSocketClient) -> None:
    assert client.connected
    assert server.logins == 2
    assert [peer.received.count(SUBSCRIPTION) for peer in (server.events, server.commands)] == [1, 0]


async def test_nobody_listens(server: ScriptedServer) -> None:
    await server.stop()
    with pytest.raises(CannotConnect, match=r"refused.*Is FreeSWITCH running.*freeswitch\.port"):
        await EventSocketClient(settings_for(server)).start()
    await server.listen()


async def test_the_wrong_password_is_told_and_where_to_set_it(server: ScriptedServer) -> None:
    with pytest.raises(WrongPassword, match=r"freeswitch\.password.*ROBOT_FREESWITCH__PASSWORD.*event_socket\.conf"):
        await EventSocketClient(settings_for(server, password="guess")).start()


async def test_the_wrong_password_is_not_tried_again_and_again(server: ScriptedServer) -> None:
    client = EventSocketClient(settings_for(server, password="guess"))
    await client.start(wait=False)
    await until(lambda: sum("auth guess" in peer.received for peer in server.peers) == 2)
    await asyncio.sleep(0.3)  # the first pause of an ordinary failure is at most 0.2 s
    assert len(server.peers) == 2
    assert not client.connected
    await client.close()


async def test_an_address_that_freeswitch_does_not_let_in(server: ScriptedServer) -> None:
    body = b"Access Denied, go away.\n"
    server.greeting = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n" % len(body) + body
    with pytest.raises(NotAllowed, match="apply-inbound-acl"):
        await EventSocketClient(settings_for(server)).start()


@pytest.mark.parametrize(
    ("greeting", "why"),
    [
        (b"", "no answer within 0.3 s"),
        (b"SSH-2.0-OpenSSH_9.6\n\n", "without a colon"),
        (b"Content-Type: auth", "no answer"),
    ],
)
async def test_something_else_listens_there(server: ScriptedServer, greeting: bytes, why: str) -> None:
    server.greeting = greeting
    with pytest.raises(CannotConnect, match=why):
        await EventSocketClient(settings_for(server, connect_timeout_s=0.3)).start()


async def test_a_host_without_an_address() -> None:
    async with ScriptedServer() as server:
        with pytest.raises(CannotConnect):
            await EventSocketClient(settings_for(server, host="a..b")).start()


async def test_without_waiting_it_goes_on_trying(server: ScriptedServer) -> None:
    await server.stop()
    client = EventSocketClient(settings_for(server))
    await client.start(wait=False)
    with pytest.raises(ConnectionLost) as lost:
        await client.api(commands.status())
    assert lost.value.stage is CommandStage.NOT_SENT
    await server.listen()
    await until(lambda: client.connected)
    await client.close()


async def test_a_closed_client_can_be_started_again(server: ScriptedServer, open_files: None) -> None:
    client = EventSocketClient(settings_for(server))
    for _ in range(3):
        await client.start()
        assert await client.api(commands.status()) == "+OK status"
        await client.close()
    await client.close()
    await until(lambda: not server.open_connections)


async def test_several_clients_share_one_thread(server: ScriptedServer) -> None:
    thread = LinkThread()
    await thread.start()
    async with ScriptedServer() as second:
        one = EventSocketClient(settings_for(server), thread)
        two = EventSocketClient(settings_for(second), thread)
        await one.start()
        await two.start()
        await one.close()
        assert await two.api(commands.status()) == "+OK status"
        await two.close()
    await thread.close()
