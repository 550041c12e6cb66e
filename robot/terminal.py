"""What people see in the terminal: a call as it goes on, a table of calls, and a picture of who spoke when.

Renders notices and reports; knows neither where they come from nor when they end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from robot.call.outcome import Outcome
from robot.call.report import BargedIn, CallOver, CallReport, Notice, PromptBegan, StateChanged, TurnEnded
from robot.call.states import CallState
from robot.config import SettingRow
from robot.store.records import TurnRecord

_COLOUR_OF_OUTCOME: Final[Mapping[str, str]] = {
    Outcome.COMPLETED: "green",
    Outcome.INTERESTED: "green",
    Outcome.CALLBACK: "green",
    Outcome.TRANSFERRED: "green",
    Outcome.FAILED: "red",
    Outcome.UNKNOWN: "red",
}
_TIMELINE_COLUMNS: Final = 64


class CallView:
    """Prints calls as they go on, one line for each thing that happens.

    `names` are what to call the numbers by when there are several calls; texts are cut to the line then.
    """

    def __init__(self, console: Console, names: Mapping[str, str] | None = None) -> None:
        self._console = console
        self._names = names or {}
        self._width = max((len(name) for name in self._names.values()), default=0)
        self._labels: dict[str, str] = {}

    def dialling(self, uuid: str, number: str, gateway: str) -> None:
        self._labels[uuid] = self._names.get(number, "")
        self._line(uuid, None, f"dialling {number} through {gateway} ...", "dim")

    def __call__(self, notice: Notice) -> None:
        match notice:
            case StateChanged(uuid=uuid, state=CallState.ACTIVE, at_ms=at_ms):
                self._line(uuid, at_ms, "answered", "dim")
            case StateChanged(uuid=uuid, state=CallState.LISTENING, at_ms=at_ms):
                self._line(uuid, at_ms, "listening", "dim")
            case PromptBegan(uuid=uuid, text=text, at_ms=at_ms):
                self._line(uuid, at_ms, f"robot: {text}", "cyan")
            case BargedIn(uuid=uuid, at_ms=at_ms, speech_ms=speech_ms):
                self._line(uuid, at_ms, f"barge-in: {speech_ms / 1000:.1f} s of speech stop the prompt", "yellow")
            case TurnEnded(uuid=uuid, turn=turn) if turn.speaker == "callee":
                self._line(uuid, turn.end_ms, f"callee: {turn.text}", "bold")
            case CallOver(uuid=uuid, report=report):
                self._over(uuid, report)
            case _:
                pass

    def _over(self, uuid: str, report: CallReport) -> None:
        style = _COLOUR_OF_OUTCOME.get(report.outcome or "", "magenta")
        self._line(uuid, report.talk_ms, f"{report.outcome}  ({report.hangup_cause or 'no hangup cause'})", style)
        for fault in report.faults:
            if fault.reason != report.error:
                self._line(uuid, fault.at_ms, f"{fault.code}: {fault.reason}", "red")
        if report.error is not None:
            self._line(uuid, None, report.error, style)

    def _line(self, uuid: str, at_ms: int | None, text: str, style: str) -> None:
        time = "" if at_ms is None else f"{at_ms / 1000:5.1f} s"
        if self._names:
            label = f"{self._labels.get(uuid, ''):<{self._width}}"
            line = Text.assemble(f"{label} {time:>7}  ", (text, style))
            self._console.print(line, no_wrap=True, overflow="ellipsis")
            return
        grid = Table.grid(padding=(0, 1))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        grid.add_row(f"{time:>7} ", Text(text, style=style))
        self._console.print(grid)


def timeline(report: CallReport) -> RenderableType:
    """Who spoke when, as two bars on one axis; the sign ▌ in yellow marks a barge-in."""
    length_ms = max([report.talk_ms or 0, *(turn.end_ms for turn in report.turns)], default=0)
    if length_ms == 0:
        return Text("not answered", style="dim")
    scale = _TIMELINE_COLUMNS / length_ms
    robot = _bar(report.turns, "robot", scale, "cyan")
    callee = _bar(report.turns, "callee", scale, "white")
    for barge_in in report.barge_ins:
        column = min(_TIMELINE_COLUMNS - 1, int(barge_in.at_ms * scale))
        robot = robot[:column] + Text("▌", style="bold yellow") + robot[column + 1 :]
    axis = Text(_axis(length_ms, scale), style="dim")
    return Group(Text("robot  ") + robot, Text("callee ") + callee, Text("       ") + axis)


def _bar(turns: Sequence[TurnRecord], speaker: str, scale: float, style: str) -> Text:
    cells = ["·"] * _TIMELINE_COLUMNS
    for turn in turns:
        if turn.speaker == speaker:
            first = min(_TIMELINE_COLUMNS - 1, int(turn.start_ms * scale))
            last = max(first + 1, round(turn.end_ms * scale))
            cells[first:last] = ["█"] * (min(last, _TIMELINE_COLUMNS) - first)
    bar = Text()
    for cell in cells:
        bar.append(cell, style=style if cell == "█" else "dim")
    return bar


def _axis(length_ms: int, scale: float) -> str:
    step_s = next(step for step in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 3600) if step * 1000 * scale >= 6)
    axis = [" "] * (_TIMELINE_COLUMNS + 6)
    for second in range(0, length_ms // 1000 + 1, step_s):
        label = f"{second}s"
        column = int(second * 1000 * scale)
        axis[column : column + len(label)] = label
    return "".join(axis).rstrip()


def calls_table(reports: Sequence[CallReport], names: Mapping[str, str]) -> Table:
    """One row a call, as it ended."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("callee", "outcome", "rang", "talked", "barge-in", "silent after", "reply after"):
        table.add_column(heading, no_wrap=True, justify="right" if heading in ("rang", "talked") else "left")
    for report in reports:
        style = _COLOUR_OF_OUTCOME.get(report.outcome or "", "magenta")
        table.add_row(
            escape(names.get(report.number, report.number)),
            Text(report.outcome or "?", style=style),
            _seconds(report.ring_ms),
            _seconds(report.talk_ms),
            ", ".join(f"at {barge_in.at_ms / 1000:.1f} s" for barge_in in report.barge_ins) or "-",
            ", ".join(_milliseconds(_stopping(barge_in.detect_ms, barge_in.break_ms)) for barge_in in report.barge_ins)
            or "-",
            ", ".join(_milliseconds(latency.total_ms) for latency in report.latencies) or "-",
        )
    return table


def _stopping(detect_ms: float | None, break_ms: float | None) -> float | None:
    return None if detect_ms is None or break_ms is None else detect_ms + break_ms


def _seconds(milliseconds: int | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def _milliseconds(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:.0f} ms"


def settings_table(rows: Sequence[SettingRow]) -> Table:
    """Every setting with its value and where it comes from."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("key", "value", "from"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.key, escape(str(row.value)), escape(row.source))
    return table


def interruptions_table(by_kind: Mapping[str, Mapping[str, Any]]) -> Table:
    """What was heard over a prompt (a row) and how often it was taken wrongly, for each half of the set."""
    halves = list(next(iter(by_kind.values())))
    table = Table("heard over the prompt", title="What stopped the prompt and should not, and what did not")
    for half in halves:
        table.add_column(f"{half.replace('_', ' ')}: false alarms", justify="right")
        table.add_column("misses", justify="right")
        table.add_column("ms to the decision, p50 / p95", justify="right")
    for kind, row in by_kind.items():
        cells: list[str] = []
        for half in halves:
            figures, after = row[half], row[half]["decided_after_ms"]
            cells.append(f"{figures['false_alarms']} of {figures['quiet'] + figures['talk']}")
            cells.append(f"{figures['misses']} of {figures['talk']}" if figures["talk"] else "")
            cells.append(f"{after['p50']:.0f} / {after['p95']:.0f}" if after else "")
        table.add_row(kind, *cells)
    return table


def confusion_table(confusion: Mapping[str, Mapping[str, int]]) -> Table:
    """What each class (a row) was taken for (the columns), as counts; what is right stands out."""
    columns = sorted({taken for row in confusion.values() for taken in row} | set(confusion))
    table = Table("is", *columns, title="Who picked up, and what they were taken for")
    for kind, row in confusion.items():
        counts = (str(row[taken]) if taken in row else "" for taken in columns)
        table.add_row(
            kind,
            *(
                Text(count, "green" if taken == kind else "red")
                for taken, count in zip(columns, counts, strict=True)
            ),
        )  # fmt: skip
    return table
