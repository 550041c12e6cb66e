from __future__ import annotations

import os
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from robot.esl.client import EventSocketClient, EventSocketSettings
from tests.integration.esl.scripted_server import PASSWORD, ScriptedServer


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """Each test ends with the threads that it began with, and the client's sockets closed."""
    before = set(threading.enumerate())
    yield
    left = {thread.name for thread in threading.enumerate() if thread not in before}
    assert "esl" not in left


@pytest.fixture
def open_files() -> Iterator[None]:
    """The test leaves as many open files as it found."""
    before = len(os.listdir("/proc/self/fd"))
    yield
    assert len(os.listdir("/proc/self/fd")) <= before


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer() as server:
        yield server


def settings_for(server: ScriptedServer, **changed: object) -> EventSocketSettings:
    values = {"port": server.port, "password": PASSWORD, "node": "test", "connect_timeout_s": 2.0} | changed
    return EventSocketSettings(**values)  # type: ignore[arg-type]


@pytest.fixture
async def client(server: ScriptedServer) -> AsyncIterator[EventSocketClient]:
    async with EventSocketClient(settings_for(server)) as client:
        yield client
