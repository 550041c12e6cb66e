"""What a client tells of its commands to who measures them."""

from __future__ import annotations

import asyncio

import pytest

from robot.esl import commands
from robot.esl.client import EventSocketClient
from robot.esl.errors import CommandFailed
from robot.esl.watching import CommandResult
from tests.integration.esl.conftest import settings_for
from tests.integration.esl.scripted_server import UUID, Peer, ScriptedServer, api_response


class Noted:
    """A ClientWatcher that keeps what it is told."""

    def __init__(self) -> None:
        self.ended: list[tuple[str, CommandResult, bool]] = []  # the last: whether it is known how long writing took
        self.handovers: list[float] = []

    def command_ended(self, command: str, result: CommandResult, to_wire_s: float | None) -> None:
        assert to_wire_s is None or 0 <= to_wire_s < 10
        self.ended.append((command, result, to_wire_s is not None))

    def handed_over(self, delay_s: float) -> None:
        self.handovers.append(delay_s)


async def test_each_command_is_told_once_with_its_end(server: ScriptedServer) -> None:
    async def script(peer: Peer, command: str) -> None:
        if "uuid_break" in command:
            peer.write(api_response("+OK\n"))
        elif "uuid_setvar" in command:
            peer.write(api_response("-ERR No such channel!\n"))

    server.script = script
    noted = Noted()
    client = EventSocketClient(settings_for(server), watcher=noted)
    await client.start()
    await client.api(commands.break_(UUID))
    assert noted.ended == [("uuid_break", CommandResult.OK, True)]
    assert noted.handovers
    assert all(0 <= delay_s < 10 for delay_s in noted.handovers)
    assert client.unread == 0

    with pytest.raises(CommandFailed):
        await client.api(commands.setvar(UUID, "n", "1"))
    with pytest.raises(CommandFailed):
        await client.api(commands.kill(UUID), timeout=0.02)
    given_up = client.send(commands.kill(UUID))
    given_up.cancel()
    await asyncio.sleep(0)
    unanswered = client.send(commands.kill(UUID))
    await client.close()
    with pytest.raises(CommandFailed):
        await unanswered
    assert [result for _, result, _ in noted.ended[1:]] == [
        CommandResult.REFUSED,
        CommandResult.TIMED_OUT,
        CommandResult.GIVEN_UP,
        noted.ended[-1][1],
    ]
    assert noted.ended[-1][1] in (CommandResult.LOST, CommandResult.NOT_SENT)  # had it been written?


async def test_what_cannot_be_sent_is_told_too(server: ScriptedServer) -> None:
    noted = Noted()
    client = EventSocketClient(settings_for(server, port=1), watcher=noted)  # where nobody listens
    await client.start(wait=False)
    with pytest.raises(CommandFailed):
        await client.api(commands.break_(UUID))
    await client.close()
    assert noted.ended == [("uuid_break", CommandResult.NOT_SENT, False)]
