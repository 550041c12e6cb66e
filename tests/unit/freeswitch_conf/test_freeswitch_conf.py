"""The files for FreeSWITCH: each can be read, tells where it goes, opens nothing to the world, and fits the robot."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from robot.campaign.definition import load_campaign
from robot.doctor.switch import MODULES
from robot.doctor.switch_checks import KNOWN_PASSWORD
from robot.esl import commands
from robot.loopback.callees import CONTEXT
from robot.settings import Settings

ROOT = Path(__file__).parents[3]
CONF = ROOT / "freeswitch_conf"
FILES = sorted(CONF.rglob("*.xml"))
README = (CONF / "README.md").read_text(encoding="utf-8")
LOOPBACK = CONF / "loopback_trunk"

EVENT_SOCKET = CONF / "autoload_configs" / "event_socket.conf.xml"
MODULES_FILE = CONF / "autoload_configs" / "post_load_modules.conf.xml"
LIMITS = CONF / "autoload_configs" / "post_load_switch.conf.xml"
TRUNK = CONF / "sip_profiles" / "external" / "trunk.xml"
HOOK = CONF / "dialplan" / "public" / "00_robot.xml"
PROFILES = LOOPBACK / "sip_profiles" / "robot_loopback.xml"
CALLEES = LOOPBACK / "dialplan" / "robot_callees.xml"

each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(CONF)))


def parse(file: Path) -> ET.Element:
    return ET.parse(file).getroot()  # noqa: S314 - our own file


def params(element: ET.Element) -> dict[str, str]:
    return {param.attrib["name"]: param.attrib["value"] for param in element.iter("param")}


def profiles() -> dict[str, ET.Element]:
    return {profile.attrib["name"]: profile for profile in parse(PROFILES).iter("profile")}


def actions(file: Path) -> list[tuple[str, str]]:
    return [(action.attrib["application"], action.get("data", "")) for action in parse(file).iter("action")]


def comments(file: Path) -> list[str]:
    return re.findall(r"<!--(.*?)-->", file.read_text(encoding="utf-8"), re.DOTALL)


def test_the_files_are_those_that_this_test_knows() -> None:
    assert set(FILES) == {EVENT_SOCKET, MODULES_FILE, LIMITS, TRUNK, HOOK, PROFILES, CALLEES}


# ── every file ────────────────────────────────────────────────────────────────────────────────────────────────────────


@each_file
def test_is_xml(file: Path) -> None:
    assert parse(file).tag in ("include", "configuration")


@each_file
def test_begins_with_where_it_goes_what_to_change_and_what_to_type(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!--")
    first = comments(file)[0]
    below = file.relative_to(LOOPBACK if LOOPBACK in file.parents else CONF)
    assert re.search(rf"^  Goes to +/etc/freeswitch/{re.escape(str(below))}\b", first, re.MULTILINE)
    assert re.search(r"^  Change +\S", first, re.MULTILINE)
    assert re.search(r"^  Takes +\S", first, re.MULTILINE)


@each_file
def test_the_preprocessor_of_freeswitch_changes_nothing_in_it(file: Path) -> None:
    """It works on lines before anything is parsed as XML, and in comments as well."""
    for line in file.read_text(encoding="utf-8").splitlines():
        assert "x-pre-process" not in line.lower()  # obeyed even in a comment, or the line dropped
        assert "<!--#" not in line  # begins a command
        assert "$${" not in line  # becomes nothing when the variable is not set
        assert "<?" not in line  # such a line is dropped
        if "include>" in line:
            assert line.strip() in ("<include>", "</include>")  # the whole line is dropped, whatever else is on it


@each_file
def test_no_value_is_the_password_that_everybody_knows(file: Path) -> None:
    for element in parse(file).iter():
        assert all(KNOWN_PASSWORD.lower() not in value.lower() for value in element.attrib.values())


@each_file
def test_nothing_is_open_to_the_world(file: Path) -> None:
    for name, value in params(parse(file)).items():
        if name in ("listen-ip", "sip-ip", "rtp-ip"):
            assert value == "127.0.0.1"


@each_file
def test_the_readme_names_it(file: Path) -> None:
    assert f"`{file.relative_to(CONF)}`" in README
    assert re.search(rf"^cp \S*{re.escape(file.name)} |^cp autoload_configs/\*\.xml ", README, re.MULTILINE)


def test_the_readme_names_no_file_that_is_not_there() -> None:
    named = set(re.findall(r"`((?:autoload_configs|sip_profiles|dialplan|loopback_trunk)/\S+\.xml)`", README))
    assert named == {str(file.relative_to(CONF)) for file in FILES}


# ── the event socket ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_event_socket_is_where_the_robot_looks_for_it() -> None:
    found = params(parse(EVENT_SOCKET))
    settings = Settings().freeswitch
    assert (found["listen-ip"], int(found["listen-port"])) == (settings.host, settings.port)


def test_the_event_socket_takes_connections_of_this_machine_only() -> None:
    assert params(parse(EVENT_SOCKET))["apply-inbound-acl"] == "127.0.0.0/8"


def test_nobody_gets_in_before_there_is_a_password_of_ones_own() -> None:
    """An empty one becomes FreeSWITCH's default; a line break ends a command, so one that holds it cannot be sent."""
    assert params(parse(EVENT_SOCKET))["password"].endswith("\n")


def test_the_readmes_command_writes_the_password_that_is_read() -> None:
    found = re.search(r'^sed -i "(s/\S+ value=.*/)" /etc/freeswitch/autoload_configs/event', README, re.MULTILINE)
    assert found is not None
    # What bash makes of it, then sed's way to write groups as Python's.
    _, pattern, replacement, _ = found[1].replace('\\"', '"').replace("$password", "0a1b").split("/")
    pattern = pattern.replace("\\(", "(").replace("\\)", ")")
    replacement = replacement.replace("\\1", "\\g<1>")
    text, changed = re.subn(pattern, replacement, EVENT_SOCKET.read_text(encoding="utf-8"))
    assert changed == 1
    assert params(ET.fromstring(text))["password"] == "0a1b"  # noqa: S314


# ── modules and limits ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_modules_that_the_doctor_asks_for_are_named() -> None:
    loaded = {module.attrib["module"] for module in parse(MODULES_FILE).iter("load")}
    assert loaded == {"mod_audio_stream"}  # the others are in FreeSWITCH's own list: twice is a warning at each start
    told = set(re.findall(r"^    (mod_\w+)  ", comments(MODULES_FILE)[0], re.MULTILINE))
    assert loaded | told >= set(MODULES) | {"mod_event_socket", "mod_dialplan_xml"}


def test_freeswitch_takes_as_many_calls_as_the_robot_listens_to() -> None:
    limits = params(parse(LIMITS))
    assert int(limits["max-sessions"]) >= Settings().audio.max_streams
    assert int(limits["sessions-per-second"]) >= 30  # as in a fresh FreeSWITCH


def test_freeswitch_does_not_log_every_step_of_every_call() -> None:
    assert params(parse(LIMITS))["loglevel"] in ("notice", "warning", "err", "crit", "alert")


# ── gateways ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_sample_gateway_is_that_of_the_demo_and_calls_nobody_as_it_stands() -> None:
    (gateway,) = parse(TRUNK).iter("gateway")
    assert gateway.attrib["name"] == load_campaign(ROOT / "campaigns" / "demo").table.gateway
    found = params(gateway)
    assert found["proxy"].endswith(".invalid")
    assert found["realm"].endswith(".invalid")
    assert found["register"] == "false"
    assert int(found["ping"]) > 0
    assert found["caller-id-in-from"] == "true"


@pytest.mark.parametrize("name", sorted(profiles()))
def test_every_profile_has_a_timer_and_telephone_codecs(name: str) -> None:
    found = params(profiles()[name])
    assert found["rtp-timer-name"] == "soft"
    for codecs in ("inbound-codec-prefs", "outbound-codec-prefs"):
        assert set(found[codecs].split(",")) <= {"PCMU", "PCMA"}


def test_the_loopback_trunk_leads_from_one_profile_to_the_other() -> None:
    found = profiles()
    assert set(found) == {"robot-loopback", "robot-callees"}
    (gateway,) = found["robot-loopback"].iter("gateway")
    assert gateway.attrib["name"] == "loopback"
    assert params(gateway)["proxy"] == f"127.0.0.1:{params(found['robot-callees'])['sip-port']}"
    assert params(gateway)["register"] == "false"
    assert params(found["robot-callees"])["context"] == CONTEXT


def test_a_call_through_the_loopback_trunk_waits_for_its_callee() -> None:
    (context,) = parse(CALLEES).iter("context")
    assert context.attrib["name"] == CONTEXT
    assert actions(CALLEES) == [("park", "")]


# ── the dialplan hook ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_hook_brings_calls_to_the_robot() -> None:
    incoming = Settings().incoming
    assert ("socket", f"{incoming.host}:{incoming.port} async full") in actions(HOOK)


def test_the_hook_sets_what_the_robot_sets_on_calls_of_its_own() -> None:
    before = actions(HOOK)[: [application for application, _ in actions(HOOK)].index("socket")]
    assert {application for application, _ in before} == {"set"}  # above all no answer: that is the robot's
    variables = dict(data.split("=", 1) for _, data in before)
    own = commands.take_over("2553f481-1118-43e8-ad49-47fdc760dfc2", stream_token="t0ken").text
    theirs = dict(pair.split("=", 1) for pair in own.split(" ", 2)[2].split(";"))
    del theirs["STREAM_EXTRA_HEADERS"]  # a token for one call
    assert {"STREAM_MESSAGE_DEFLATE", "STREAM_HEART_BEAT", "playback_terminators"} <= theirs.keys()
    assert {name: variables.get(name) for name in theirs} == theirs
    assert variables.keys() - theirs.keys() == {"robot_campaign"}


def test_the_hook_names_the_demo_for_its_own_number() -> None:
    demo = load_campaign(ROOT / "campaigns" / "demo")
    assert ("set", f"robot_campaign={demo.name}") in actions(HOOK)
    (condition,) = parse(HOOK).iter("condition")
    number = demo.table.caller_id or ""
    for dialled in (number, number.removeprefix("+")):
        assert re.search(condition.attrib["expression"], dialled)
    assert not re.search(condition.attrib["expression"], number + "0")


def test_a_call_that_the_robot_does_not_take_is_not_simply_dropped() -> None:
    last, data = actions(HOOK)[-1]
    assert (last, data) == ("hangup", "NORMAL_TEMPORARY_FAILURE")


# ── the README ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_readmes_ports_are_the_defaults() -> None:
    settings = Settings()
    in_table = {int(port) for port in re.findall(r"^\| (\d+) TCP \|", README, re.MULTILINE)}
    assert in_table == {settings.freeswitch.port, settings.audio.port, settings.incoming.port}
    for profile in profiles().values():
        assert params(profile)["sip-port"] in README
    assert str(settings.recordings.folder) in README


def test_the_readme_explains_every_variable_of_the_hook() -> None:
    for application, data in actions(HOOK):
        if application == "set":
            assert f"`{data.split('=')[0]}`" in README
