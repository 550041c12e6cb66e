"""The report as people see it: in the terminal and as a page."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from xml.etree import ElementTree
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from robot.campaign.agents import Handovers
from robot.campaign.charts import Bar, Cell, Column, bars, columns, grid
from robot.campaign.report import TALK_CLASSES, Report, Slot
from robot.campaign.report_page import page
from robot.campaign.report_view import print_report, told_duration, told_share
from robot.store.reporting import AmdCount, NamedCount, OutcomeCount, Period, StepCount

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 21, 13, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"
WEEK = [[Slot(100, 40) if 9 <= hour < 18 and day < 5 else Slot() for hour in range(24)] for day in range(7)]
REPORT = Report(
    campaign="Spring <b>&",
    zone=PARIS,
    period=Period(datetime(2026, 11, 1, tzinfo=PARIS)),
    made_at=NOW,
    contacts={"waiting": 10, "done": 1990},
    incoming=3,
    outcomes=[OutcomeCount("no_answer", 2700, 0, 0), OutcomeCount("interested", 1800, 1800, 90_000_000)],
    hangup_causes=[NamedCount("NORMAL_CLEARING", 1800, 1800), NamedCount(None, 2700, 0)],
    amd=[AmdCount("human", 1500, 0.9), AmdCount(None, 300, None)],
    steps=[StepCount("greeting", 1500, 100, 30, 1.0), StepCount("goodbye", 1400, 1400, 0, 5.0)],
    handovers=Handovers(connected=390, abandoned=10),
    gateways=[NamedCount(f"carrier-{n}", 100, 40) for n in range(20)],
    caller_ids=[NamedCount("+33199000001", 4500, 1800)],
    attempts_per_contact={1: 500, 2: 2000},
    talks=[300] * len(TALK_CLASSES),
    week=WEEK,
    days={date(2026, 11, 1) + timedelta(days=n): Slot(150, 60) for n in range(30)},
)
NOTHING = replace(
    REPORT, outcomes=[], hangup_causes=[], amd=[], steps=[], gateways=[], caller_ids=[], attempts_per_contact={},
    talks=[0] * len(TALK_CLASSES), week=[[Slot()] * 24] * 7, days={},
)  # fmt: skip


def shown(report: Report) -> str:
    console = Console(file=io.StringIO(), width=140, legacy_windows=False)
    print_report(console, report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_in_the_terminal() -> None:
    lines = [" ".join(line.split()) for line in shown(REPORT).splitlines()]
    assert "Spring <b>&, from 2026-11-01 00:00 to 2026-11-21 14:00, times of Europe/Paris" in lines
    assert "Answered 1,800 40 % of the attempts" in lines
    assert "By a person 1,500 83 % of those" in lines
    assert "For an agent 400 22 % of the answered" in lines
    assert "Abandoned 10 2.5 % of those: nobody took them" in lines
    assert "Talk time 25 h 00 min 50.0 s a call" in lines
    assert any(line.startswith("interested 1,800 40 % 1,800 25 h 00 min █") for line in lines)
    assert any(line.startswith("goodbye 1,400 78 % 1,400 0 █") for line in lines)
    assert any(line.startswith("09 500 200 40 % ") for line in lines)


def test_without_attempts_there_is_nothing_to_tell() -> None:
    assert "Outcomes" not in shown(NOTHING)
    assert "No attempts in this time." in page(NOTHING)


def test_the_page_needs_nothing_from_elsewhere_and_takes_names_for_names() -> None:
    text = page(REPORT)
    assert "<script" not in text
    assert "http:" not in text.replace("http-equiv", "")
    assert "https:" not in text
    assert "default-src 'none'" in text
    assert "Spring &lt;b&gt;&amp;" in text
    assert "<b>&" not in text
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_the_page_shows_every_part() -> None:
    text = page(REPORT)
    for told in (
        "Outcomes", "Who picked up", "Steps of the script", "Attempts by day", "Attempts by hour of the day",
        "Answer rate by hour and weekday", "Length of talks", "Attempts per contact", "Hangup causes",
        "The first 15 of 20", "Mon 09:00: 100 attempts, 40 answered (40 %)", "Sun 03:00: no attempts",
        "goodbye: 1,400 calls came to it, 1,400 ended there, it was talked over 0 times",
    ):  # fmt: skip
        assert told in text


def test_months_are_told_by_the_week() -> None:
    days = {date(2026, 1, 1) + timedelta(days=n): Slot(10, 5) for n in range(200)}
    text = page(replace(REPORT, days=days))
    assert "Attempts by week" in text
    assert "2026-01-05: 70 attempts, 35 answered (50 %)" in text


def drawn(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1))  # noqa: S314


LABELS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=40)
NUMBERS = st.integers(0, 10_000_000)


@given(st.lists(st.tuples(LABELS, NUMBERS), max_size=12))
def test_bars_stay_in_the_picture_and_are_as_long_as_their_values(rows: list[tuple[str, int]]) -> None:
    picture = drawn(bars("x", [Bar(label, value, str(value), label) for label, value in rows]))
    widths = [float(rect.get("width", "")) for rect in picture.iter(f"{SVG}rect")]
    most = max((value for _, value in rows), default=0)
    for width, (_, value) in zip(widths, rows, strict=True):
        assert width == pytest.approx(max(1.0, 360 * value / most if most else 0), abs=0.06)


@given(st.lists(st.tuples(LABELS, NUMBERS, st.floats(0, 1)), max_size=100))
def test_columns_stay_in_the_picture(slots: list[tuple[str, int, float]]) -> None:
    picture = drawn(columns("x", [Column(label, value, int(value * part), "") for label, value, part in slots]))
    _, _, width, height = map(float, picture.get("viewBox", "").split())
    for rect in picture.iter(f"{SVG}rect"):
        left, top, wide, high = (float(rect.get(name, "")) for name in ("x", "y", "width", "height"))
        assert left >= 0
        assert top >= 0
        assert left + wide <= width + 0.1
        assert top + high <= height + 0.1
    ticks = [int((text.text or "").replace(",", "")) for text in picture.findall(f"{SVG}text")]
    assert ticks == sorted(set(ticks))
    assert len(ticks) <= 7
    assert ticks[-1] >= max((value for _, value, _ in slots), default=0)


def test_a_week_by_the_hour() -> None:
    picture = drawn(grid("x", ["00", "01"], [("Mon", [Cell(0.5, "20", "a title"), Cell(None, "", "none")])]))
    full, empty = picture.iter(f"{SVG}rect")
    assert (full.get("fill-opacity"), empty.get("fill-opacity"), empty.get("class")) == ("0.30", None, "empty")
    assert [title.text for title in picture.iter(f"{SVG}title")] == ["a title", "none"]


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 min 00 s"), (59.6, "1 min 00 s"), (3599, "59 min 59 s"), (3_600_000, "1,000 h 00 min")]
)
def test_durations(seconds: float, told: str) -> None:
    assert told_duration(seconds) == told


@pytest.mark.parametrize(
    ("part", "whole", "told"), [(0, 0, ""), (0, 5, "0 %"), (1, 3, "33 %"), (3, 1000, "0.3 %"), (5, 5, "100 %")]
)
def test_shares(part: int, whole: int, told: str) -> None:
    assert told_share(part, whole) == told
