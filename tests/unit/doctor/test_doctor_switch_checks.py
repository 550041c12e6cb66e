"""What is read of a FreeSWITCH, judged. The texts are a real FreeSWITCH's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from robot.doctor import switch_checks
from robot.doctor.check import State, Trouble
from robot.doctor.readings import (
    GatewayStatus,
    Pace,
    PromptReading,
    RecordingReading,
    StreamReading,
    StreamsReading,
    SwitchReading,
    SwitchStatus,
    UnknownAnswer,
    parse_gateway,
    parse_status,
)
from robot.doctor.switch import MODULES
from robot.esl.errors import CannotConnect, ConnectionLost, NotAllowed, WrongPassword
from robot.esl.errors import CommandStage as Stage
from ws_audio.frames import Samples

STATUS = """UP 0 years, 0 days, 0 hours, 0 minutes, 3 seconds, 999 milliseconds, 580 microseconds
FreeSWITCH (Version 1.11.3-dev git cc93a68 2026-08-21 14:10:14Z 64bit) is ready
46 session(s) since startup
2 session(s) - peak 22, last 5min 22 
0 session(s) per Sec out of max 30, peak 12, last 5min 12 
1000 session(s) max
min idle cpu 0.00/100.00
Current Stack Size/Max 240K/8192K
"""  # noqa: W291
GATEWAY = """=================================================================================================
Name    \ttrunk
Profile \tinternal
Scheme  \tDigest
From    \t<sip:x@127.0.0.1:5151>
Ping    \t1795249726
PingState\t1/0/1
State   \tNOREG
Status  \tUP
Uptime  \t3s
CallsIN \t0
=================================================================================================
"""
READ = SwitchStatus("1.11.3-dev", sessions=2, max_sessions=1000, per_second=30)


def test_the_status_is_read() -> None:
    assert parse_status(STATUS) == READ
    old = STATUS.replace("1.11.3-dev git cc93a68 2026-08-21 14:10:14Z", "1.10.12-release").replace(
        "is ready", "is not ready"
    )
    assert parse_status(old).version == "1.10.12-release"


@pytest.mark.parametrize("without", ["is ready", "session(s) - peak", "per Sec", "session(s) max"])
def test_a_status_in_other_words_is_not_guessed_at(without: str) -> None:
    text = "\n".join(line for line in STATUS.splitlines() if without not in line)
    with pytest.raises(UnknownAnswer, match="status"):
        parse_status(text)


def test_a_gateway_is_read() -> None:
    assert parse_gateway("trunk", GATEWAY) == GatewayStatus("trunk", "internal", "NOREG", "UP")
    assert parse_gateway("nope", "Invalid Gateway!\n") is None
    with pytest.raises(UnknownAnswer, match="trunk"):
        parse_gateway("trunk", GATEWAY.replace("State   \tNOREG\n", ""))


@pytest.mark.parametrize(
    ("state", "status", "judged"),
    [
        ("NOREG", "UP", State.OK),
        ("REGED", "UP", State.OK),
        ("NOREG", "DOWN", State.FAILED),
        ("REGED", "DOWN", State.FAILED),
        ("TRYING", "DOWN", State.WARNING),
        ("REGISTER", "DOWN", State.WARNING),
        ("UNREGED", "DOWN", State.WARNING),
        ("FAIL_WAIT", "DOWN", State.FAILED),
        ("FAILED", "UP", State.FAILED),
        ("TIMEOUT", "DOWN", State.FAILED),
        ("DOWN", "DOWN", State.FAILED),
        ("EXPIRED", "DOWN", State.FAILED),
    ],
)
def test_a_gateway_takes_calls_when_it_is_up(state: str, status: str, judged: State) -> None:
    check = switch_checks.gateway("trunk", GatewayStatus("trunk", "internal", state, status))
    assert check.state is judged
    assert f"{state}, {status}" in check.found
    assert (check.fix is None) is (judged is State.OK)


def test_a_gateway_that_nobody_knows() -> None:
    check = switch_checks.gateway("nope", None)
    assert check.state is State.FAILED
    assert "nope" in check.found


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (WrongPassword("10.0.0.1", 8021), "nodes.paris.password"),
        (NotAllowed("10.0.0.1", 8021), "apply-inbound-acl"),
        (CannotConnect("10.0.0.1", 8021, "Connection refused"), "nodes.paris.host"),
        (ConnectionLost("status", Stage.UNCONFIRMED, "EOF"), "freeswitch.log"),
    ],
)
def test_who_cannot_be_reached_is_told_with_the_place_to_look_at(error: Exception, fix: str) -> None:
    check = switch_checks.not_reached(error, "nodes.paris")
    assert (check.state, check.trouble) == (State.FAILED, Trouble.UNREACHABLE)
    assert check.fix is not None
    assert fix in check.fix
    assert "freeswitch.host" not in check.found + check.fix


def test_a_slow_event_socket_is_a_warning() -> None:
    reading = SwitchReading(READ, 0.3, {}, {}, 0.0)
    assert switch_checks.reached("10.0.0.1", 8021, reading).state is State.OK
    check = switch_checks.reached("10.0.0.1", 8021, replace(reading, round_trip_ms=80.0))
    assert check.state is State.WARNING
    assert "80.0 ms" in check.found


def test_the_password_that_everybody_knows_is_a_warning_and_no_other_is_shown() -> None:
    assert switch_checks.password("ClueCon", "freeswitch").state is State.WARNING
    good = switch_checks.password("a secret", "freeswitch")
    assert good.state is State.OK
    assert "a secret" not in good.found


@pytest.mark.parametrize(
    ("missing", "judged"),
    [
        ([], State.OK),
        (["mod_loopback"], State.WARNING),
        (["mod_audio_stream"], State.FAILED),
        (["mod_loopback", "mod_sndfile"], State.FAILED),
    ],
)
def test_a_missing_module_is_told_with_how_to_load_it(missing: list[str], judged: State) -> None:
    check = switch_checks.modules({module: module not in missing for module in MODULES}, MODULES)
    assert check.state is judged
    for module in missing:
        assert f"load {module}'" in (check.fix or "")


@pytest.mark.parametrize(
    ("pace", "judged", "fix"),
    [
        (Pace(1000, 30), State.OK, ""),
        (Pace(1000), State.OK, ""),
        (Pace(1001), State.FAILED, "max_sessions 1001"),
        (Pace(10, 30.5), State.FAILED, "fsctl sps 31"),
    ],
)
def test_the_limits_of_freeswitch_against_the_pace(pace: Pace, judged: State, fix: str) -> None:
    check = switch_checks.limits(READ, pace)
    assert check.state is judged
    assert fix in (check.fix or "")


@pytest.mark.parametrize(
    ("ahead_s", "judged", "found"),
    [
        (0.0, State.OK, "same"),
        (-1.9, State.OK, "same"),
        (2.0, State.WARNING, "2 s ahead of"),
        (-59.0, State.WARNING, "59 s behind"),
        (3600.0, State.FAILED, "3600 s ahead of"),
    ],
)
def test_a_clock_that_is_off(ahead_s: float, judged: State, found: str) -> None:
    check = switch_checks.clock(ahead_s)
    assert check.state is judged
    assert found in check.found


# ── sound ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def sine(*hz: float, level: float = 5000, ms: int = 600) -> Samples:
    times = np.arange(16 * ms) / 16_000
    tones: Samples = np.sum([level * np.sin(2 * np.pi * each * times) for each in hz], axis=0).astype(np.int16)
    return tones


TONE = sine(770, 1336)
NOISE = np.random.default_rng(1).normal(0, 3000, 9600).astype(np.int16)


def test_how_loud_and_how_pure() -> None:
    assert switch_checks.loudness(np.zeros(100, np.int16)) == float("-inf")
    assert switch_checks.loudness(TONE) == pytest.approx(-16.3, abs=0.3)
    assert switch_checks.tone_share(TONE) > 0.99
    assert switch_checks.tone_share(sine(440)) < 0.05
    assert switch_checks.tone_share(NOISE) < 0.1
    assert switch_checks.tone_share(TONE[:1000]) == 0.0  # too short to be sure
    assert switch_checks.tone_share(np.zeros(9600, np.int16)) == 0.0


def stream(heard: Samples = TONE, first_frame_ms: float | None = 20.0, error: str | None = None) -> StreamReading:
    return StreamReading("ws://10.0.0.2:8080", first_frame_ms, heard, error)


@pytest.mark.parametrize(
    ("reading", "judged", "found"),
    [
        (stream(), State.OK, "first frame 20 ms"),
        (stream(first_frame_ms=900), State.WARNING, "900 ms"),
        (stream(np.zeros(9600, np.int16)), State.FAILED, "silence"),
        (stream(NOISE), State.FAILED, "% of what arrives"),
        (stream(sine(440)), State.FAILED, "% of what arrives"),
    ],
)
def test_a_stream_must_bring_the_tone(reading: StreamReading, judged: State, found: str) -> None:
    check = switch_checks.audio_stream(reading, "freeswitch")
    assert check.state is judged
    assert found in check.found


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        ("Connection refused (system error 111)", "audio.host"),
        ("Timeout", "firewall"),
        ("Resource temporarily unavailable (system error 11)", "IP address"),
        ("WebSocket upgrade failed", "another server"),
        ("Connection reset by peer (system error 104)", "freeswitch.log"),
    ],
)
def test_what_mod_audio_stream_reports_is_explained(error: str, fix: str) -> None:
    reading = stream(first_frame_ms=None, error=error)
    check = switch_checks.audio_stream(reading, "nodes.paris")
    assert check.state is State.FAILED
    assert error in check.found
    assert fix in (check.fix or "")
    assert "nodes.paris.stream_host" in (check.fix or "")
    taken = switch_checks.audio_stream(reading, "nodes.paris", port_is_ours=False)
    assert "running robot" in (taken.fix or "")


def test_a_running_robot_is_reached_when_it_refuses_the_stream() -> None:
    reached = stream(first_frame_ms=None, error="WebSocket upgrade failed")
    assert switch_checks.port_of_running_robot("0.0.0.0", 8080, reached, "freeswitch").state is State.OK  # noqa: S104
    missed = stream(first_frame_ms=None, error="Timeout")
    assert switch_checks.port_of_running_robot("127.0.0.1", 8080, missed, "freeswitch").state is State.FAILED


@pytest.mark.parametrize(
    ("reading", "judged"),
    [
        (StreamsReading(11, 11), State.OK),
        (StreamsReading(11, 10, "-ERR Operation Failed"), State.FAILED),
        (StreamsReading(4, 3, "-ERR Operation Failed"), State.WARNING),
    ],
)
def test_the_edition_that_stops_at_ten(reading: StreamsReading, judged: State) -> None:
    check = switch_checks.edition(reading)
    assert check.state is judged
    if judged is State.WARNING:
        assert "cannot be told" in check.found


def test_a_call_to_itself_that_fails() -> None:
    without = switch_checks.no_call_to_itself("CHAN_NOT_IMPLEMENTED")
    assert [check.state for check in without] == [State.SKIPPED, State.SKIPPED]
    refused = switch_checks.no_call_to_itself("SWITCH_CONGESTION")
    assert [check.state for check in refused] == [State.FAILED, State.SKIPPED]


def prompt(name: str, start_ms: float | None = 20.0, error: str | None = None) -> PromptReading:
    return PromptReading(Path("/srv/demo/audio") / name, start_ms, error)


def test_prompts_that_play_are_one_check() -> None:
    [check] = switch_checks.prompts([prompt("a.wav"), prompt("b.wav", 140.0)])
    assert check.state is State.OK
    assert "2 of 2 files play, the slowest begins after 140 ms" in check.found


def test_prompts_that_do_not_play_are_one_check_for_each_reason() -> None:
    missing = [prompt(name, None, "FILE NOT FOUND") for name in ("a.wav", "b.wav")]
    silent = prompt("c.wav", None, "it never began to play")
    refused = prompt("d;.wav", None, "the prompt cannot be played: file is an absolute path of letters")
    checks = switch_checks.prompts([*missing, silent, refused, prompt("e.wav", 900.0)])
    assert [check.state for check in checks] == [State.FAILED] * 3 + [State.WARNING]
    assert "2 of 5 files" in checks[0].found
    assert "a.wav" in checks[0].found
    assert "b.wav" in checks[0].found
    assert "sudo -u freeswitch head -c1 /srv/demo/audio/a.wav" in (checks[0].fix or "")
    assert "rtp-timer-name" in (checks[1].fix or "")
    assert "set prompts.folder" in (checks[2].fix or "")
    assert "1 of 5 files play" in checks[3].found


FOLDER = Path("/var/rec")


@pytest.mark.parametrize(
    ("reading", "judged", "words"),
    [
        (RecordingReading(FOLDER, None, seen=True, removed=True), State.OK, "delete there"),
        (
            RecordingReading(FOLDER, "-ERR Cannot record session!", seen=False, removed=False),
            State.FAILED,
            "-ERR Cannot",
        ),
        (RecordingReading(FOLDER, None, seen=False, removed=False), State.FAILED, "no file"),
        (RecordingReading(FOLDER, None, seen=True, removed=False), State.FAILED, "cannot delete"),
    ],
)
def test_recordings_are_written_by_one_and_deleted_by_the_other(
    reading: RecordingReading, judged: State, words: str
) -> None:
    check = switch_checks.recording(reading)
    assert check.state is judged
    assert words in check.found
