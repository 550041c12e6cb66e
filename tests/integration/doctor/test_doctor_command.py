"""`robot doctor` as a user types it: exit status, the document on stdout, what people read."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from robot.simulator.callees_file import Callee, CalleesFile
from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread

pytestmark = pytest.mark.slow  # each loads the speech model

PASSWORD = "of this test"


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str

    @property
    def checks(self) -> dict[str, Any]:
        return {check["name"]: check for check in json.loads(self.out)["checks"]}


class Shell:
    """Runs `robot doctor` in a folder and an environment of the test's own."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            audio_port = probe.getsockname()[1]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ROBOT_")},
            "ROBOT_DATABASE__URL": f"sqlite:///{folder / 'robot.db'}",
            "ROBOT_AUDIO__PORT": str(audio_port),
            "ROBOT_AUDIO__MAX_STREAMS": "10",
            "ROBOT_FREESWITCH__PORT": str(port),
            "ROBOT_FREESWITCH__PASSWORD": PASSWORD,
            "ROBOT_FREESWITCH__PLAYBACK": "execute",
            "ROBOT_PROMPTS__FOLDER": str(folder / "prompts"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "COLUMNS": "100",
        }

    def __call__(self, *arguments: str, **environment: str) -> Done:
        done = subprocess.run(
            [Path(sys.executable).parent / "robot", "doctor", *arguments],
            cwd=self._folder,
            env={**self._environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def event_socket_port() -> Iterator[int]:
    nobody = CalleesFile(callee=(Callee(number="+33140000001", answer="busy"),))
    with SimulatorThread(SimulatorSettings(password=PASSWORD), nobody) as simulator:
        yield simulator.event_socket_port


@pytest.fixture
def doctor(tmp_path: Path, event_socket_port: int) -> Shell:
    return Shell(tmp_path, event_socket_port)


def test_all_is_well(doctor: Shell, tmp_path: Path) -> None:
    done = doctor("--json")
    assert done.status == 0
    assert {name: check["state"] for name, check in done.checks.items() if check["state"] == "failed"} == {}
    for name in ("campaign", "database", "speech recognition", "FreeSWITCH", "gateway", "audio stream", "prompts"):
        assert done.checks[name]["state"] == "ok", done.checks[name]
    assert done.checks["audio stream"]["node"] == "freeswitch"
    assert "Nothing found that keeps calls from working." in done.err
    assert not (tmp_path / "robot.db").exists()  # it looks, and makes nothing


def test_what_is_wrong_is_told_with_what_to_do_and_the_rest_is_looked_at(doctor: Shell) -> None:
    done = doctor(ROBOT_FREESWITCH__PASSWORD="not-this-one", ROBOT_STT__MODEL="/no/such/folder")
    assert done.status == 3
    text = " ".join(done.out.split())
    assert "the password is wrong to do set freeswitch.password to the `password`" in text
    assert "there is no folder '/no/such/folder'" in text
    assert "ok voice" in text or "skipped voice" in text
    assert "Something is to be repaired first." in text
    assert "not-this-one" not in done.out + done.err


def test_a_campaign_that_cannot_be_read_is_wrong_configuration(doctor: Shell, tmp_path: Path) -> None:
    done = doctor("--campaign", str(tmp_path), "--json", ROBOT_STT__MODEL="/no/such/folder")
    assert done.status == 2
    assert done.checks["campaign"]["state"] == "failed"
    assert done.checks["prompts"]["state"] == "skipped"
    assert done.checks["speech recognition"]["state"] == "failed"


def test_prompts_that_cannot_be_made_ready_are_wrong_configuration(doctor: Shell, tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder belongs")
    done = doctor("--json", ROBOT_STT__MODEL="/no/such/folder")
    told = next(check for check in json.loads(done.out)["checks"] if check["name"] == "prompts")
    assert told["state"] == "failed"
    assert "prompts.folder" in told["fix"]


def test_a_configuration_that_cannot_be_read_ends_it(doctor: Shell) -> None:
    done = doctor("--json", ROBOT_FREESWITCH__PORT="many")
    assert done.status == 2
    assert "ROBOT_FREESWITCH__PORT" in done.err
