"""`robot doctor` as a user types it: exit status, the document on stdout, what people read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from robot.simulator.callees_file import Callee, CalleesFile
from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread
from tests.acceptance.shell import Done, Shell
from tests.acceptance.world import PASSWORD

pytestmark = pytest.mark.slow  # each loads the speech model


class Doctor(Shell):
    """`robot doctor`."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(
            folder,
            ROBOT_AUDIO__MAX_STREAMS="10",
            ROBOT_FREESWITCH__PORT=str(port),
            ROBOT_FREESWITCH__PASSWORD=PASSWORD,
            ROBOT_FREESWITCH__PLAYBACK="execute",
        )

    def __call__(self, *arguments: str | Path, **environment: str) -> Done:
        return super().__call__("doctor", *arguments, **environment)


def checks(done: Done) -> dict[str, Any]:
    return {check["name"]: check for check in done.document["checks"]}


@pytest.fixture(scope="module")
def event_socket_port() -> Iterator[int]:
    nobody = CalleesFile(callee=(Callee(number="+33140000001", answer="busy"),))
    with SimulatorThread(SimulatorSettings(password=PASSWORD), nobody) as simulator:
        yield simulator.event_socket_port


@pytest.fixture
def doctor(tmp_path: Path, event_socket_port: int) -> Doctor:
    return Doctor(tmp_path, event_socket_port)


def test_all_is_well(doctor: Doctor, tmp_path: Path) -> None:
    done = doctor("--json")
    assert done.status == 0
    assert {name: check["state"] for name, check in checks(done).items() if check["state"] == "failed"} == {}
    for name in ("campaign", "database", "speech recognition", "FreeSWITCH", "gateway", "audio stream", "prompts"):
        assert checks(done)[name]["state"] == "ok", checks(done)[name]
    assert checks(done)["audio stream"]["node"] == "freeswitch"
    assert "Nothing found that keeps calls from working." in done.err
    assert not (tmp_path / "robot.db").exists()  # it looks, and makes nothing


def test_what_is_wrong_is_told_with_what_to_do_and_the_rest_is_looked_at(doctor: Doctor) -> None:
    done = doctor(ROBOT_FREESWITCH__PASSWORD="not-this-one", ROBOT_STT__MODEL="/no/such/folder")
    assert done.status == 3
    text = " ".join(done.out.split())
    assert "the password is wrong to do set freeswitch.password to the `password`" in text
    assert "there is no folder '/no/such/folder'" in text
    assert "ok voice" in text or "skipped voice" in text
    assert "Something is to be repaired first." in text
    assert "not-this-one" not in done.out + done.err


def test_a_campaign_that_cannot_be_read_is_wrong_configuration(doctor: Doctor, tmp_path: Path) -> None:
    done = doctor("--campaign", str(tmp_path), "--json", ROBOT_STT__MODEL="/no/such/folder")
    assert done.status == 2
    assert checks(done)["campaign"]["state"] == "failed"
    assert checks(done)["prompts"]["state"] == "skipped"
    assert checks(done)["speech recognition"]["state"] == "failed"


def test_prompts_that_cannot_be_made_ready_are_wrong_configuration(doctor: Doctor, tmp_path: Path) -> None:
    (tmp_path / "prompts").write_text("a file where the folder belongs")
    done = doctor("--json", ROBOT_STT__MODEL="/no/such/folder")
    told = next(check for check in done.document["checks"] if check["name"] == "prompts")
    assert told["state"] == "failed"
    assert "prompts.folder" in told["fix"]


def test_a_configuration_that_cannot_be_read_ends_it(doctor: Doctor) -> None:
    done = doctor("--json", ROBOT_FREESWITCH__PORT="many")
    assert done.status == 2
    assert "ROBOT_FREESWITCH__PORT" in done.err
