"""What people see: calls as they go on, and the pictures and tables at the end."""

from __future__ import annotations

import io

from rich.console import Console

from robot.call.report import BargedIn, CallOver, CallReport, PromptBegan, StateChanged, TurnEnded
from robot.call.states import CallState
from robot.store.records import BargeInRecord, LatencyRecord, TurnRecord
from robot.terminal import CallView, calls_table, timeline

PROMPT = TurnRecord(1, "robot", "Would you like to hear more?", None, 0, 5000, True)
ANSWER = TurnRecord(2, "callee", "Yes [please].", "interested", 4000, 8000, False)


def report(**changes: object) -> CallReport:
    whole = CallReport(
        "u", "+33140000001", outcome="interested", hangup_cause="NORMAL_CLEARING", ring_ms=800, talk_ms=10_000,
        turns=[PROMPT, ANSWER], barge_ins=[BargeInRecord(5000, 1500, "Yes", 1.2, 20.0)],
        latencies=[LatencyRecord(2, 700, 0, None, None, 840)], answered=True,
    )  # fmt: skip
    for name, value in changes.items():
        setattr(whole, name, value)
    return whole


def shown(*things: object, width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False)
    for thing in things:
        console.print(thing)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_call_is_told_line_by_line() -> None:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    view = CallView(console)
    view.dialling("u", "+33140000001", "trunk")
    view(StateChanged("u", CallState.ACTIVE, 0))
    view(PromptBegan("u", PROMPT.text, 120))
    view(BargedIn("u", 5500, 1500))
    view(TurnEnded("u", ANSWER))
    view(CallOver("u", report()))
    assert isinstance(console.file, io.StringIO)
    lines = [line.strip() for line in console.file.getvalue().splitlines()]
    assert lines == [
        "dialling +33140000001 through trunk ...",
        "0.0 s  answered",
        "0.1 s  robot: Would you like to hear more?",
        "5.5 s  barge-in: 1.5 s of speech stop the prompt",
        "8.0 s  callee: Yes [please].",
        "10.0 s  interested  (NORMAL_CLEARING)",
    ]


def test_many_calls_are_told_apart_by_name_and_cut_to_the_line() -> None:
    console = Console(file=io.StringIO(), width=60, highlight=False)
    view = CallView(console, {"+33140000001": "Ann"})
    view.dialling("u", "+33140000001", "trunk")
    view(PromptBegan("u", "word " * 30, 0))
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert len(lines) == 2
    assert all(line.startswith("Ann") and len(line) <= 60 for line in lines)


def test_the_timeline_has_both_sides_on_one_axis() -> None:
    robot, callee, axis = shown(timeline(report())).splitlines()
    assert robot.count("█") == 32
    assert robot.index("▌") == 7 + 32, "the barge-in is where the prompt ends"
    assert callee.index("█") == 7 + 25
    assert axis.split() == ["0s", "1s", "2s", "3s", "4s", "5s", "6s", "7s", "8s", "9s", "10s"]


def test_a_call_that_nobody_took_has_no_timeline() -> None:
    assert shown(timeline(report(turns=[], barge_ins=[], talk_ms=None))).strip() == "not answered"


def test_the_table_fits_a_terminal_of_80_columns_without_losing_a_word() -> None:
    table = shown(calls_table([report(), report(outcome="not_interested")], {"+33140000001": "Ann"}), width=80)
    assert "not_interested" in table
    assert "at 5.0 s" in table
    assert "21 ms" in table, "1.2 ms to detect and 20 ms to stop"
    assert "840 ms" in table
    assert "…" not in table
