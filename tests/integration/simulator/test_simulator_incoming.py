"""Calls that come in, and the outbound socket to which their dialplan brings them, as seen on a real FreeSWITCH."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from robot.simulator.callees_file import Callee, HangUp
from tests.integration.simulator.conftest import OpenWorkbench, Workbench
from tests.integration.simulator.plain_client import PlainClient

OF_THE_DIALPLAN = ("CHANNEL_PARK", "CHANNEL_UNPARK", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP")


class Caller:
    """A call that came in, and the connection that its dialplan made."""

    def __init__(self, bench: Workbench, uuid: str, socket: PlainClient) -> None:
        self.bench, self.uuid, self.socket = bench, uuid, socket

    async def connect(self) -> None:
        await self.socket.command("connect")
        await self.bench.pass_ms(40)

    def names(self) -> list[str]:
        """What an ordinary event socket saw of the dialplan."""
        return self.bench.names(self.uuid, *OF_THE_DIALPLAN)


@asynccontextmanager
async def called(bench: Workbench, caller: str = "1", **how: object) -> AsyncIterator[Caller]:
    sockets: asyncio.Queue[PlainClient] = asyncio.Queue()
    hook = await asyncio.start_server(lambda r, w: sockets.put_nowait(PlainClient(r, w)), "127.0.0.1", 0)
    try:
        address = ("127.0.0.1", hook.sockets[0].getsockname()[1])
        uuid = bench.simulator.call_in(caller, "2000", hook=address, **how)  # type: ignore[arg-type]
        socket = await sockets.get()
        yield Caller(bench, uuid, socket)
        await socket.close()
    finally:
        hook.close()


async def test_it_rings_until_somebody_answers(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench, variables={"campaign": "winter sale"}) as call:
        data = await call.socket.command("connect")
        assert data == "%2BOK%0A"
        headers = call.socket.replies[0].headers
        assert headers["Answer-State"] == "ringing"
        assert headers["variable_campaign"] == "winter%20sale"
        await bench.pass_ms(40)
        assert bench.names(call.uuid) == ["CHANNEL_CREATE", "CHANNEL_EXECUTE", "CHANNEL_PARK"]
        assert await bench.api(f"uuid_answer {call.uuid}") == "+OK\n"
        assert await bench.api(f"uuid_answer {call.uuid}") == "+OK\n"
        await bench.pass_ms(40)
        assert bench.names(call.uuid)[3:] == ["CHANNEL_ANSWER"]
        assert await bench.api("uuid_answer 2553f481-1118-43e8-ad49-47fdc760dfc2") == "-ERROR\n"


async def test_an_answered_call_hears_talks_and_plays(workbench: OpenWorkbench) -> None:
    caller = Callee(number="1", hang_up=HangUp(after="prompt_end", wait_ms=100))
    async with workbench(caller) as bench, called(bench) as call:
        await call.connect()
        await bench.api(f"uuid_answer {call.uuid}")
        message = f"sendmsg {call.uuid}\ncall-command: execute\nexecute-app-name: playback"
        await bench.client.command(f"{message}\nexecute-app-arg: {bench.prompt(ms=500)}")
        await bench.pass_ms(900)
        assert bench.playback(call.uuid) == ["start prompt.wav", "done prompt.wav"]
        assert bench.names(call.uuid)[-1] == "CHANNEL_DESTROY"
        assert len(bench.simulator.heard(call.uuid).prompts) == 1
        await call.socket.end()
        assert call.socket.replies[-1].headers["Content-Disposition"] == "disconnect"


async def test_the_dialplan_goes_on_when_a_parked_call_is_let_go(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        await call.connect()
        await call.socket.close()
        await bench.pass_ms(60)
        assert call.names() == list(OF_THE_DIALPLAN)
        assert (await bench.client.event("CHANNEL_HANGUP"))["Hangup-Cause"] == "NORMAL_CLEARING"


async def test_what_plays_is_played_to_its_end_first(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        await call.connect()
        await bench.api(f"uuid_answer {call.uuid}")
        await bench.api(f"uuid_broadcast {call.uuid} {bench.prompt(ms=1000)} aleg")
        await bench.pass_ms(500)
        await call.socket.close()
        await bench.pass_ms(500)
        assert "CHANNEL_UNPARK" not in call.names()
        await bench.pass_ms(600)
        assert bench.playback(call.uuid) == ["start prompt.wav", "done prompt.wav"]
        assert call.names()[-1] == "CHANNEL_HANGUP"


@pytest.mark.parametrize("connect", [True, False])
async def test_closed_before_it_is_parked_it_rings_for_ever(connect: bool, workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        if connect:
            await call.socket.command("connect")
        await call.socket.close()
        await bench.pass_ms(5_000)
        assert call.names() == ["CHANNEL_PARK"]
        assert await bench.api(f"uuid_exists {call.uuid}") == "true"
        await bench.api(f"uuid_kill {call.uuid}")
        await bench.pass_ms(60)
        assert await bench.api(f"uuid_exists {call.uuid}") == "false"


async def test_nobody_listens(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = bench.simulator.call_in("1", "2000", hook=("127.0.0.1", 1))
        await bench.pass_ms(100)
        assert bench.names(uuid) == [
            "CHANNEL_CREATE", "CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE", "CHANNEL_HANGUP",
            "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY",
        ]  # fmt: skip


async def test_a_caller_who_does_not_wait(workbench: OpenWorkbench) -> None:
    caller = Callee(number="1", answer="no_answer", ring_ms=300)
    async with workbench(caller) as bench, called(bench) as call:
        await call.connect()
        await bench.pass_ms(400)
        await call.socket.end()
        assert (await bench.client.event("CHANNEL_HANGUP", call.uuid))["Hangup-Cause"] == "ORIGINATOR_CANCEL"


async def test_the_first_command_is_obeyed_and_not_answered(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        call.socket.send("myevents")
        assert await call.socket.command("connect") == "%2BOK%0A"
        await bench.pass_ms(40)
        assert call.socket.names() == ["CHANNEL_PARK"]
        assert await call.socket.command("noevents") == "+OK no longer listening for events"


async def test_a_connection_that_lingers_ends_by_itself(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        await call.connect()
        await call.socket.command("linger 2")
        await bench.api(f"uuid_kill {call.uuid}")
        await bench.pass_ms(1_000)
        assert call.socket.replies[-1].headers["Content-Disposition"] == "linger"
        assert not call.socket.ended
        await bench.pass_ms(1_200)
        await call.socket.end()


async def test_killed_it_says_nothing_to_the_socket(workbench: OpenWorkbench) -> None:
    async with workbench() as bench, called(bench) as call:
        await call.connect()
        bench.simulator.kill()
        await call.socket.end()
        assert len(call.socket.replies) == 1


async def test_several_variables_at_once(workbench: OpenWorkbench) -> None:
    async with workbench() as bench:
        uuid = await bench.call()
        assert await bench.api(f'uuid_setvar_multi {uuid} a=1;b={{"c":"d=e"}}') == "+OK\n"
        assert await bench.api(f"uuid_getvar {uuid} a") == "1"
        assert await bench.api(f"uuid_getvar {uuid} b") == '{"c":"d=e"}'
        unknown = await bench.api("uuid_setvar_multi 2553f481-1118-43e8-ad49-47fdc760dfc2 a=1")
        assert unknown.startswith("-ERR No such channel!\n-USAGE")
