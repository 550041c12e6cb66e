"""The watchdog is fed while both loops turn: with a real hub that hangs, dies and ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
from structlog.testing import capture_logs

from robot.esl.errors import EventSocketError
from robot.esl.link import LinkThread
from robot.esl.pulse import HubPulse
from robot.supervision import feed

LIMIT_S = 20


@pytest.fixture
async def thread() -> AsyncIterator[LinkThread]:
    thread = LinkThread()
    await thread.start()
    yield thread
    await thread.close()


class Plug:
    """A resident that holds up the hub, as a greenlet would that computes or blocks without gevent's knowing."""

    label = "plug"

    def __init__(self) -> None:
        self.holds = threading.Event()
        self.let_go = threading.Event()

    def run(self) -> None:
        self.holds.set()
        self.let_go.wait(LIMIT_S)

    def close(self) -> None:
        self.let_go.set()

    def thread_died(self) -> None: ...


async def test_it_beats_as_long_as_the_hub_turns(thread: LinkThread) -> None:
    pulse = HubPulse(thread)
    pulse.start()
    async with asyncio.timeout(LIMIT_S):
        for _ in range(100):
            await pulse.beat()


async def test_a_hub_that_hangs_gives_no_beat_until_it_goes_on(thread: LinkThread) -> None:
    pulse, plug = HubPulse(thread), Plug()
    pulse.start()
    await pulse.beat()
    fed: list[None] = []
    thread.add(plug)
    await asyncio.to_thread(plug.holds.wait, LIMIT_S)
    with capture_logs() as logs:
        feeding = asyncio.create_task(feed(pulse.beat, lambda: fed.append(None), 0.03))
        async with asyncio.timeout(LIMIT_S):
            while not logs:  # noqa: ASYNC110 - the log tells nobody
                await asyncio.sleep(0.01)
    assert (fed, logs[0]["event"]) == ([], "service.event_socket_thread_hangs")
    plug.let_go.set()
    async with asyncio.timeout(LIMIT_S):
        while len(fed) < 3:  # noqa: ASYNC110 - neither does the list
            await asyncio.sleep(0.01)
    feeding.cancel()
    with suppress(asyncio.CancelledError):
        await feeding


async def test_a_thread_that_ended_is_told_and_ends_the_feeding() -> None:
    thread = LinkThread()
    await thread.start()
    pulse = HubPulse(thread)
    pulse.start()
    await pulse.beat()
    pulse.thread_died()  # as the hub does with every resident when it ends by an error
    with pytest.raises(EventSocketError):
        await feed(pulse.beat, lambda: None, 1.0)
    await thread.close()
