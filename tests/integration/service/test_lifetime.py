"""The life of the service in a process of its own: real signals, a socket where systemd would listen."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PASSWORD = "of this test"
LIMIT_S = 60


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorThread]:
    with SimulatorThread(SimulatorSettings(password=PASSWORD), []) as simulator:
        yield simulator


class Systemd:
    """What the service manager hears, in order."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.heard: list[dict[str, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._socket.settimeout(LIMIT_S)

    def wait_for(self, *assignments: str) -> dict[str, str]:
        """The next message with all of these."""
        while True:
            message = dict(line.split("=", 1) for line in self._socket.recv(4096).decode().splitlines())
            self.heard.append(message)
            if all(f"{key}={value}" in assignments or key in assignments for key, value in message.items()
                   if any(each.split("=")[0] == key for each in assignments)) and all(
                       each.split("=")[0] in message for each in assignments):  # fmt: skip
                return message

    def close(self) -> None:
        self._socket.close()


class Service:
    """The process, its folder, and what it says."""

    def __init__(self, folder: Path, simulator: SimulatorThread, systemd: Systemd, calls: int, lasts_s: float) -> None:
        self.folder = folder
        self.systemd = systemd
        self.config = folder / "robot.toml"
        (folder / "campaigns").mkdir()
        self.configure(finish_s=30)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROBOT_")}
        environment |= {
            "NOTIFY_SOCKET": systemd.address,
            "WATCHDOG_USEC": "600000",
            "ROBOT_FREESWITCH__PORT": str(simulator.event_socket_port),
            "ROBOT_FREESWITCH__PASSWORD": PASSWORD,
            "ROBOT_AUDIO__PORT": str(free_port()),
            "ROBOT_METRICS__PORT": str(free_port()),
            "ROBOT_CONSOLE__PORT": str(free_port()),
            "PYTHONPATH": str(ROOT),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.service.fake_robot", str(self.config), str(calls), str(lasts_s)],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def configure(self, *, finish_s: int, database: str = "robot.db", more: str = "") -> None:
        self.config.write_text(
            f'[database]\nurl = "sqlite:///{self.folder}/{database}"\n'
            f'[campaigns]\nfolder = "{self.folder}/campaigns"\n'
            f'[prompts]\nfolder = "{self.folder}/prompts"\n'
            "[incoming]\nenabled = false\n"
            f'[service]\nfinish_s = {finish_s}\n[logging]\nlevel = "info"\njson = true\n{more}',
            encoding="utf-8",
        )

    def campaign(self, name: str, toml: str | None = None) -> Path:
        folder = self.folder / "campaigns" / name
        if not folder.exists():
            shutil.copytree(ROOT / "campaigns" / "demo", folder)
        file = folder / "campaign.toml"
        good = (ROOT / "campaigns" / "demo" / "campaign.toml").read_text(encoding="utf-8")
        file.write_text(toml or good.replace('name = "demo"', f'name = "{name}"'), encoding="utf-8")
        return file

    def signal(self, which: signal.Signals) -> None:
        self.process.send_signal(which)

    def dialer_says(self, line: str) -> None:
        """Reads on until the dialer says so."""
        assert self.process.stdout is not None
        while True:
            assert select.select([self.process.stdout], [], [], LIMIT_S)[0], f"the dialer does not say {line!r}"
            read = self.process.stdout.readline()
            assert read, f"the dialer ended without {line!r}"
            if read.rstrip() == f"dialer {line}":
                return

    def ends(self) -> tuple[int, list[dict[str, Any]], str]:
        """Exit status, log, and what it said to people."""
        _, err = self.process.communicate(timeout=LIMIT_S)
        lines = err.splitlines()
        return (
            self.process.returncode,
            [json.loads(line) for line in lines if line.startswith("{")],
            "\n".join(line for line in lines if not line.startswith("{")),
        )


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


@pytest.fixture
def begin(tmp_path: Path, simulator: SimulatorThread, systemd: Systemd) -> Iterator[Any]:
    begun: list[Service] = []

    def begin(calls: int, lasts_s: float = 3600) -> Service:
        service = Service(tmp_path, simulator, systemd, calls, lasts_s)
        begun.append(service)
        systemd.wait_for("READY=1")
        return service

    yield begin
    for service in begun:
        if service.process.poll() is None:
            service.process.kill()
            service.process.communicate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def events(log: list[dict[str, Any]]) -> list[str]:
    return [line["event"] for line in log]


def test_calls_may_finish_after_the_first_signal(begin: Any, systemd: Systemd) -> None:
    service = begin(calls=2, lasts_s=3)
    systemd.wait_for("WATCHDOG=1")
    service.signal(signal.SIGTERM)
    stopping = systemd.wait_for("STOPPING=1", "EXTEND_TIMEOUT_USEC")
    assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 10_000_000, "longer than until the next word"
    assert stopping["STATUS"] in ("2 call(s) may finish within 30 s", "Ending")
    service.dialer_says("dials no more")
    status, log, _ = service.ends()
    assert status == 0
    assert events(log)[-1] != "service.ending_calls"
    assert "service.ending_calls" not in events(log), "they came to their own end"


def test_a_second_signal_ends_them_at_once(begin: Any, systemd: Systemd) -> None:
    service = begin(calls=3)
    service.signal(signal.SIGINT)
    service.dialer_says("dials no more")
    systemd.wait_for("STOPPING=1")
    service.signal(signal.SIGTERM)
    service.dialer_says("ends 3 calls: the robot is being stopped")
    service.dialer_says("is closed")
    status, log, _ = service.ends()
    assert status == 0
    ending = next(line for line in log if line["event"] == "service.ending_calls")
    assert (ending["calls"], ending["level"]) == (3, "warning")


def test_reload_keeps_what_was_good_and_a_limit_that_was_changed_counts(begin: Any, systemd: Systemd) -> None:
    service = begin(calls=1)
    service.campaign("spring")
    service.signal(signal.SIGHUP)
    reloading = systemd.wait_for("RELOADING=1", "MONOTONIC_USEC")
    assert int(reloading["MONOTONIC_USEC"]) > 0
    service.dialer_says("has the campaigns spring")
    assert systemd.wait_for("READY=1")["STATUS"] == "1 campaign(s), 1 call(s) going on"

    broken = service.campaign("spring", 'name = "spring"\ngateway = 7\n')
    service.campaign("autumn")
    service.configure(finish_s=1, database="another.db")
    service.signal(signal.SIGHUP)
    service.dialer_says("has the campaigns autumn, spring")
    assert "mistake(s) in campaigns" in systemd.wait_for("READY=1")["STATUS"]

    service.configure(finish_s=1, more="colour = 1\n")
    service.signal(signal.SIGHUP)
    systemd.wait_for("RELOADING=1")
    systemd.wait_for("READY=1")

    service.signal(signal.SIGTERM)  # the call would last for an hour, and has one second now
    service.dialer_says("ends 1 calls: the robot is being stopped")
    status, log, told = service.ends()
    assert status == 0
    problems = [line["problem"] for line in log if line["event"] == "campaign.not_reloaded"]
    assert any(problem.startswith(f"{broken}:2: gateway: ") for problem in problems)
    assert [line["keys"] for line in log if line["event"] == "service.restart_needed"] == [["database.url"]]
    [wrong] = [line["problem"] for line in log if line["event"] == "service.not_reloaded"]
    assert f"{service.config}:14: logging.colour" in wrong
    assert "Changed, but not before a restart: database.url." in told


def test_a_part_that_dies_ends_the_service_with_status_1(begin: Any) -> None:
    service = begin(calls=0)
    service.signal(signal.SIGUSR1)
    service.dialer_says("is closed")
    status, log, told = service.ends()
    assert status == 1
    [died] = [line for line in log if line["level"] == "critical"]
    assert (died["event"], died["task"]) == ("service.task_died", "dialer")
    assert died["reason"] == "dialer died of RuntimeError"
    assert "dialer died of RuntimeError: the robot ends." in told
