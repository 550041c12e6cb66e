"""The commands as a user types them: exit status, what is on stdout, what is said on stderr."""

from __future__ import annotations

import shutil
import signal
import socket
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from robot.simulator.callees_file import load_callees
from robot.simulator.freeswitch import SimulatorSettings
from robot.simulator.thread import SimulatorThread
from tests.acceptance.shell import Shell, free_port
from tests.acceptance.world import DEMO, PASSWORD

pytestmark = pytest.mark.slow

CALLEES = """
[[callee]]
number = "+33140000001"
answer = "busy"

[[callee]]
number = "+33140000002"
answer = "human"
ring_ms = 200
hang_up = { after = "prompt_start", wait_ms = 1500 }
"""


@pytest.fixture
def robot(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorThread]:
    file = tmp_path_factory.mktemp("callees") / "callees.toml"
    file.write_text(CALLEES)
    with SimulatorThread(SimulatorSettings(password=PASSWORD), load_callees(file)) as simulator:
        yield simulator


@pytest.fixture
def freeswitch(simulator: SimulatorThread) -> dict[str, str]:
    """The environment variables that lead to the simulated FreeSWITCH."""
    return {
        "ROBOT_FREESWITCH__PORT": str(simulator.event_socket_port),
        "ROBOT_FREESWITCH__PASSWORD": PASSWORD,
    }


def test_version_and_help(robot: Shell) -> None:
    assert robot("--version").out.startswith("robot, version ")
    for command in ("demo", "call", "simulate", "transcribe", "db", "config", "bench"):
        assert command in robot("--help").out


@pytest.mark.parametrize("number", ["hello", "0140000001", "+33140000001\n+33140000002", "+33140000001\nx: y", ""])
def test_what_is_not_a_number_is_refused_before_anything_happens(robot: Shell, number: str) -> None:
    done = robot("call", number, "--simulate", "--json")
    assert done.status == 2
    assert done.out == ""
    assert "+33140000001" in done.err, "the message shows how to write it"
    assert robot.attempts() == []


def test_a_campaign_with_a_mistake_is_refused_with_its_line(robot: Shell, tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text('name = "x"\ngateway = "trunk"\n[[step]]\nname = "a"\naudio = "no.wav"\n')
    done = robot("call", "+33140000001", "--campaign", str(tmp_path), "--simulate")
    assert done.status == 2
    assert f"{tmp_path}/campaign.toml:3: step[1]: has 1 recording(s) in `audio` and 0 in `text`" in done.err


def test_a_missing_prompt_is_refused(robot: Shell, tmp_path: Path) -> None:
    text = (DEMO / "campaign.toml").read_text()
    (tmp_path / "campaign.toml").write_text(text)
    done = robot("call", "+33140000001", "--campaign", str(tmp_path), "--simulate")
    assert done.status == 2
    assert "there is no file" in done.err
    assert robot.attempts() == []


def test_a_mistake_in_the_configuration_is_refused_with_its_place(robot: Shell, tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text("[freeswitch]\nport = 99999\n")
    for arguments in (("config", "check"), ("call", "+33140000001", "--simulate")):
        done = robot(*arguments)
        assert done.status == 2
        assert "robot.toml:2: freeswitch.port" in done.err


def test_freeswitch_that_is_not_there(robot: Shell) -> None:
    done = robot(
        "call", "+33140000001", "--json", ROBOT_FREESWITCH__PORT=str(free_port()), ROBOT_FREESWITCH__PASSWORD="x"
    )
    assert done.status == 3
    assert "freeswitch.port" in done.err
    assert done.out == ""
    assert robot.attempts() == []


def test_the_wrong_password(robot: Shell, freeswitch: dict[str, str]) -> None:
    done = robot("call", "+33140000001", **{**freeswitch, "ROBOT_FREESWITCH__PASSWORD": "wrong"})
    assert done.status == 3
    assert "freeswitch.password" in done.err
    assert robot.attempts() == []


def test_no_password_at_all(robot: Shell) -> None:
    done = robot("call", "+33140000001")
    assert done.status == 2
    assert "ROBOT_FREESWITCH__PASSWORD" in done.err


def test_a_database_that_is_not_there(robot: Shell, freeswitch: dict[str, str]) -> None:
    url = f"postgresql+psycopg2://robot:secret@127.0.0.1:{free_port()}/robot"
    done = robot("call", "+33140000001", **freeswitch, ROBOT_DATABASE__URL=url)
    assert done.status == 3
    assert "secret" not in done.err + done.out


def test_a_busy_callee(robot: Shell, freeswitch: dict[str, str]) -> None:
    done = robot("call", "+33140000001", "--json", **freeswitch)
    assert done.status == 1
    assert done.document["outcome"] == "busy"
    assert done.document["hangup_cause"] == "USER_BUSY"
    assert "try again later" in done.document["error"]
    assert robot.attempts() == [("+33140000001", "busy")]


def test_what_is_known_of_a_person_is_said_to_them(robot: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "personal"
    folder.mkdir()
    (folder / "campaign.toml").write_text(
        'name = "x"\ngateway = "trunk"\n[amd]\nenabled = false\n'
        '[[step]]\nname = "a"\ntext = "Hello {first_name} {last_name|}, goodbye."\noutcome = "completed"\n'
    )
    done = robot("call", "+33140000001", "--campaign", str(folder), "--simulate")
    assert done.status == 2
    assert "there is no value for {first_name}: give the contact one" in done.err
    (folder / "contacts.csv").write_text("number,first_name,last_name\n+33 1 40 00 00 01,Ann,Bright\n")
    done = robot("call", "+33140000001", "--campaign", str(folder), "--simulate", "--json", "--field", "first_name=Zoe")
    assert done.status == 0
    assert [turn["text"] for turn in done.document["turns"]] == ["Hello Zoe Bright, goodbye."]


def test_a_call_is_shown_as_it_goes_on_and_its_document_is_complete(robot: Shell, freeswitch: dict[str, str]) -> None:
    done = robot("call", "+33140000002", "--json", **freeswitch)
    assert done.status == 0
    document = done.document
    assert set(document) == {
        "uuid", "number", "outcome", "hangup_cause", "amd", "ring_ms", "talk_ms", "turns", "barge_ins", "latency",
        "recording", "error",
    }  # fmt: skip
    assert document["outcome"] == "hung_up"
    [turn] = document["turns"]
    assert set(turn) == {"seq", "speaker", "text", "intent", "start_ms", "end_ms", "interrupted"}
    assert turn["speaker"] == "robot"
    assert "answered" in done.err
    assert "hung_up" in done.err
    assert "event_socket" not in done.err, "logs are shown only when asked for"


def test_logs_hold_no_number_and_no_word_at_info(robot: Shell, freeswitch: dict[str, str]) -> None:
    done = robot("-v", "call", "+33140000002", "--json", **freeswitch)
    logs = [line for line in done.err.splitlines() if "[info" in line or "[warning" in line]
    assert logs
    for line in logs:
        assert "33140000002" not in line
        assert "Northwind" not in line


def test_the_database_commands(robot: Shell) -> None:
    before = robot("db", "status", "--json")
    assert before.status == 1
    assert before.document["up_to_date"] is False
    assert robot("db", "upgrade").status == 0
    after = robot("db", "status", "--json")
    assert after.status == 0
    assert after.document["current"] == after.document["head"]


def test_the_configuration_is_shown_with_where_it_comes_from(robot: Shell, tmp_path: Path) -> None:
    (tmp_path / "robot.toml").write_text('[freeswitch]\npassword = "hidden from eyes"\n')
    done = robot("config", "show", "--json", ROBOT_STT__MODEL="base")
    assert done.status == 0
    rows = {row["key"]: row for row in done.document}
    assert rows["stt.model"]["value"] == "base"
    assert "environment" in rows["stt.model"]["source"]
    assert "robot.toml" in rows["freeswitch.password"]["source"]
    assert "hidden from eyes" not in done.out
    assert "freeswitch.password" in robot("config", "show").out


def test_transcribe(robot: Shell, tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_bytes(b"not a sound")
    silent = tmp_path / "silent.wav"
    with wave.open(str(silent), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(bytes(32000))
    done = robot("transcribe", str(DEMO / "audio" / "goodbye.wav"), str(silent), str(broken), "--json")
    assert done.status == 1
    spoken, nothing, unreadable = done.document
    assert "thank you for your time" in spoken["text"].lower()
    assert nothing["text"] == ""
    assert "cannot be read" in unreadable["error"]
    assert robot("transcribe", str(DEMO / "audio" / "goodbye.wav")).status == 0


def test_the_service_answers_a_call_and_ends_when_it_is_told_to(
    robot: Shell, freeswitch: dict[str, str], simulator: SimulatorThread
) -> None:
    campaigns = robot.folder / "campaigns"
    shutil.copytree(DEMO, campaigns / "demo")
    hook = free_port()
    environment = {**freeswitch, "ROBOT_CAMPAIGNS__FOLDER": str(campaigns), "ROBOT_INCOMING__PORT": str(hook)}
    with robot.service(**environment) as (running, said):
        assert f"127.0.0.1:{hook}" in said
        assert "Campaigns: demo." in said
        named = {"robot_campaign": "demo"}
        simulator.do(lambda switch: switch.call_in("+33140000002", "0199", named, hook=("127.0.0.1", hook)))
        deadline = time.monotonic() + 30
        while not robot.attempts() and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)  # the call that talks may finish
        _, rest = running.communicate(timeout=30)
    assert running.returncode == 0, rest
    assert "1 call(s) may finish" in rest
    assert robot.attempts() == [("+33140000002", "hung_up")]


def test_the_service_says_what_keeps_it_from_starting(robot: Shell, freeswitch: dict[str, str]) -> None:
    campaigns = robot.folder / "campaigns"
    shutil.copytree(DEMO, campaigns / "demo")
    (campaigns / "demo" / "audio" / "offer.wav").unlink()
    done = robot("run", **freeswitch, ROBOT_CAMPAIGNS__FOLDER=str(campaigns))
    assert done.status == 2
    assert "there is no file" in done.err
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = robot("run", **freeswitch, ROBOT_INCOMING__PORT=port)
    assert done.status == 2
    assert port in done.err
