"""What systemd hears, on a path and on an abstract socket, and what happens when it does not listen."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from structlog.testing import capture_logs

from robot.sd_notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"@robot-{uuid4()}" if request.param == "abstract" else str(tmp_path / "notify")


@pytest.fixture
def ear(place: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(place.replace("@", "\0"))
        ear.settimeout(10)
        yield ear


def test_each_word_is_one_datagram(place: str, ear: socket.socket) -> None:
    notifier = Notifier(place, watchdog_s=1.0)
    notifier.status("Starting")
    notifier.ready("two\nlines are one")
    notifier.alive()
    notifier.reloading()
    notifier.stopping("Ending", 12.5)
    heard = [ear.recv(4096).decode() for _ in range(5)]
    assert heard[:3] == ["STATUS=Starting", "READY=1\nSTATUS=two lines are one", "WATCHDOG=1"]
    word, at = heard[3].split("\nMONOTONIC_USEC=")
    assert (word, int(at) > 0) == ("RELOADING=1", True)
    assert heard[4] == "STOPPING=1\nEXTEND_TIMEOUT_USEC=12500000\nSTATUS=Ending"


def test_without_a_watchdog_nothing_is_fed(place: str, ear: socket.socket) -> None:
    notifier = Notifier(place)
    notifier.alive()
    notifier.status("first")
    assert ear.recv(4096) == b"STATUS=first"


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())}, 3.0),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_fed_when_it_watches_this_process(environ: dict[str, str], watchdog_s: float | None) -> None:
    assert Notifier.from_environment({"NOTIFY_SOCKET": "/run/systemd/notify", **environ}).watchdog_s == watchdog_s
    assert Notifier.from_environment(environ).watchdog_s is None, "nobody would hear it"


def test_a_socket_that_is_gone_is_told_once_and_stops_nothing(place: str, ear: socket.socket) -> None:
    ear.close()
    notifier = Notifier(place)
    with capture_logs() as logs:
        notifier.status("one")
        notifier.status("two")
    assert [line["event"] for line in logs] == ["systemd.not_told"]


def test_one_that_does_not_read_is_not_waited_for(place: str, ear: socket.socket) -> None:
    notifier = Notifier(place)
    with capture_logs() as logs:
        for _ in range(2000):  # more than a datagram socket holds
            notifier.status("x" * 1000)
    assert [line["event"] for line in logs] == ["systemd.not_told"]
    ear.setblocking(False)
    with suppress(BlockingIOError):
        while ear.recv(4096):
            pass
    ear.settimeout(10)
    notifier.status("heard again")
    assert ear.recv(4096) == b"STATUS=heard again"


def test_where_nobody_listens_nothing_happens() -> None:
    with capture_logs() as logs:
        Notifier(None, 1.0).ready("x")
    assert logs == []
