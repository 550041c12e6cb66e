"""The log: JSON lines, whoever writes; tracebacks that tell where and not whom."""

from __future__ import annotations

import ast
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from robot.esl.errors import CommandRefused
from robot.logs import set_up_logging
from robot.settings import LoggingSettings

NUMBER = "+33140000001"
NOBODY: dict[str, str] = {}
ROOT = Path(__file__).parents[3]
LEVELS = {"info", "warning", "error", "critical", "exception"}
OF_CALLEES = {"number", "caller", "callee", "text", "said", "transcript", "fields", "digits"}


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    structlog.reset_defaults()


def set_up(level: str = "info", *, as_json: bool = True, verbose: int = 0) -> None:
    set_up_logging(verbose, LoggingSettings.model_validate({"level": level, "json": as_json}))


def documents(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_is_a_document_with_a_name_whoever_wrote_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    structlog.get_logger("robot.call").info("call.failed", uuid="1")
    logging.getLogger("ws_audio.server").warning("refused: %s", "busy", extra={"action": "stream_refused"})
    logging.getLogger("sqlalchemy.pool").warning("gone")
    lines = documents(capsys.readouterr().err)
    assert [line["event"] for line in lines] == ["call.failed", "ws_audio.stream_refused", "sqlalchemy.pool"]
    assert [line.get("message") for line in lines] == [None, "refused: busy", "gone"]
    assert all(line["level"] and line["timestamp"] for line in lines)


def test_set_up_again_it_writes_each_line_once_and_as_it_is_wanted_now(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("error")
    structlog.get_logger("robot.call").warning("call.odd")
    set_up("info", as_json=False)
    logging.getLogger("ws_audio.server").warning("refused", extra={"action": "stream_refused"})
    told = capsys.readouterr().err
    assert told.count("ws_audio.stream_refused") == 1
    assert "call.odd" not in told


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize("log", ["ours", "logging"])
def test_a_traceback_says_where_but_not_whom(as_json: bool, log: str, capsys: pytest.CaptureFixture[str]) -> None:
    set_up(as_json=as_json)
    spoken_words = "I live in Lyon"
    try:
        try:
            NOBODY[NUMBER]
        except KeyError as error:
            raise CommandRefused("uuid_break", f"-ERR {len(spoken_words)}") from error
    except CommandRefused:
        if log == "ours":
            structlog.get_logger("robot.call").exception("call.crashed")
        else:
            logging.getLogger("ws_audio.stream").exception("it failed", extra={"action": "listener_failed"})
    told = capsys.readouterr().err
    assert "test_logs.py" in told
    assert "builtins.KeyError" in told
    assert "FreeSWITCH refused uuid_break" in told, "our own errors name nobody, and are shown"
    assert NUMBER not in told
    assert "Lyon" not in told, "no local variables"


def test_who_wants_every_detail_gets_it(capsys: pytest.CaptureFixture[str]) -> None:
    set_up("debug", verbose=2)
    try:
        NOBODY[NUMBER]
    except KeyError:
        structlog.get_logger("robot.call").exception("call.crashed")
    assert NUMBER in capsys.readouterr().err


def test_errors_of_a_group_are_all_told(capsys: pytest.CaptureFixture[str]) -> None:
    set_up()
    try:
        raise ExceptionGroup("of two", [ValueError(NUMBER), TimeoutError("late")])
    except ExceptionGroup:
        structlog.get_logger("robot.call").exception("call.crashed")
    [line] = documents(capsys.readouterr().err)
    assert "builtins.ValueError\n" in line["exception"]
    assert "builtins.TimeoutError: late\n" in line["exception"]


def log_calls() -> Iterator[tuple[str, ast.Call]]:
    """What is written to the log at INFO and above, with its place."""
    for folder in ("robot", "ws_audio"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                match node:
                    case ast.Call(func=ast.Attribute(value=ast.Name(id="log" | "logger"), attr=level)) if (
                        level in LEVELS
                    ):
                        yield f"{file.relative_to(ROOT)}:{node.lineno}", node


def test_every_line_that_is_written_names_what_happened_and_nobody() -> None:
    calls = list(log_calls())
    assert len(calls) > 100
    for place, call in calls:
        assert isinstance(call.args[0], ast.Constant), place
        told = {keyword.arg for keyword in call.keywords}
        # Else `action` says it, or the logger's name.
        if "extra" not in told and not place.startswith("robot/simulator/"):
            assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", str(call.args[0].value)), place
        assert not told & OF_CALLEES, place
