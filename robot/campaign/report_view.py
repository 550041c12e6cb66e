"""A campaign's report in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rich.columns import Columns
from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from robot.call.amd.greetings import AmdClass
from robot.campaign.report import TALK_CLASSES, WEEKDAYS, Report, Slot

_BAR_COLUMNS: Final = 20
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def print_report(console: Console, report: Report) -> None:
    console.print(f"[bold]{escape(report.campaign)}[/], {escape(told_period(report))}\n")
    for total in totals(report):
        console.print(Text.assemble(f"{total.name:<18}{total.value:>14}  ", (total.note, "dim")))
    if not report.attempts:
        return
    console.print()
    for part in (_outcomes(report), _amd(report), _steps(report)):
        console.print(part)
    console.print(
        Columns([_times("hour", _hours(report)), _times("weekday", zip(WEEKDAYS, report.weekdays, strict=True))])
    )
    console.print(Columns([_talks(report), _per_contact(report)]))
    console.print(Columns([_named("gateway", report), _named("caller id", report), _named("hangup cause", report)]))
    if report.faults:
        console.print(_faults(report))


def told_period(report: Report) -> str:
    """`2026-11-01 to 2026-11-30, times of Europe/Paris`"""
    since, until = report.period.since, report.period.until
    begin = "from the first attempt" if since is None else f"from {since.astimezone(report.zone):%Y-%m-%d %H:%M}"
    end = report.made_at if until is None or until > report.made_at else until
    return f"{begin} to {end.astimezone(report.zone):%Y-%m-%d %H:%M}, times of {report.zone.key}"


@dataclass(frozen=True, slots=True)
class Total:
    name: str
    value: str
    note: str = ""


def totals(report: Report) -> list[Total]:
    """The few figures that come first."""
    contacts = sum(report.contacts.values())
    told = [
        Total("Contacts", f"{contacts:,}", f"{contacts - report.contacts.get('done', 0):,} not done yet"),
        Total("Attempts", f"{report.attempts:,}"),
        Total("Answered", f"{report.answered:,}", told_share(report.answered, report.attempts, "of the attempts")),
    ]
    humans = sum(count.answered for count in report.amd if count.kind == AmdClass.HUMAN)
    if humans:
        told.append(Total("By a person", f"{humans:,}", told_share(humans, report.answered, "of those")))
    mean = f"{report.talk_s / report.answered:.1f} s a call" if report.answered else ""
    told.append(Total("Talk time", told_duration(report.talk_s), mean))
    handovers = report.handovers
    if wanted := handovers.connected + handovers.abandoned:
        told.append(Total("For an agent", f"{wanted:,}", told_share(wanted, report.answered, "of the answered")))
        share = told_share(handovers.abandoned, wanted, "of those: nobody took them")
        told.append(Total("Abandoned", f"{handovers.abandoned:,}", share))
    if report.incoming:
        told.append(Total("Calls that came in", f"{report.incoming:,}"))
    return told


def told_share(part: int, whole: int, of: str = "") -> str:
    """`53 % of ...`, and one digit more where it is little."""
    if not whole:
        return ""
    percent = 100 * part / whole
    return f"{percent:.{0 if percent >= 10 or not part else 1}f} % {of}".rstrip()


def told_duration(seconds: float) -> str:
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:,} h {minute:02} min" if hours else f"{minute} min {second:02} s"


def told_talk(begin: int, end: int | None) -> str:
    """A class of TALK_CLASSES."""
    return f"over {begin} s" if end is None else f"{begin} to {end} s"


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, header_style="dim", pad_edge=False)
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index and column else "left", no_wrap=True)
    return table


def _outcomes(report: Report) -> Group:
    table = _table("Outcomes", "outcome", "attempts", "share", "answered", "talk", "")
    most = max(count.attempts for count in report.outcomes)
    for count in report.outcomes:
        table.add_row(
            escape(count.outcome or "(goes on)"),
            f"{count.attempts:,}",
            told_share(count.attempts, report.attempts),
            f"{count.answered:,}",
            told_duration(count.talk_ms / 1000),
            _bar(count.attempts, most),
        )
    return Group(table, "")


def _amd(report: Report) -> Group:
    table = _table("Who picked up", "amd", "calls", "share", "confidence", "")
    for count in report.amd:
        table.add_row(
            escape(count.kind or "(not told)"),
            f"{count.answered:,}",
            told_share(count.answered, report.answered),
            "" if count.confidence is None else f"{count.confidence:.2f}",
            _bar(count.answered, max(each.answered for each in report.amd)),
        )
    return Group(table, "") if report.amd else Group()


def _steps(report: Report) -> Group:
    table = _table("Steps of the script", "step", "calls", "of answered", "ended there", "talked over", "")
    for count in report.steps:
        table.add_row(
            escape(count.step),
            f"{count.calls:,}",
            told_share(count.calls, report.answered),
            f"{count.ended:,}",
            f"{count.interrupted:,}",
            _bar(count.calls, max(each.calls for each in report.steps)),
        )
    return Group(table, "") if report.steps else Group()


def _hours(report: Report) -> list[tuple[str, Slot]]:
    return [(f"{hour:02}", slot) for hour, slot in enumerate(report.hours) if slot.attempts]


def _times(title: str, slots: Iterable[tuple[str, Slot]]) -> Table:
    rows = list(slots)
    table = _table(f"By {title}", title, "attempts", "answered", "rate", "")
    most = max((slot.attempts for _, slot in rows), default=0)
    for name, slot in rows:
        rate = told_share(slot.answered, slot.attempts)
        table.add_row(name, f"{slot.attempts:,}", f"{slot.answered:,}", rate, _bar(slot.attempts, most))
    return table


def _talks(report: Report) -> Table:
    table = _table("Length of talks", "talk", "calls", "")
    for (begin, end), calls in zip(TALK_CLASSES, report.talks, strict=True):
        table.add_row(told_talk(begin, end), f"{calls:,}", _bar(calls, max(report.talks)))
    return table


def _per_contact(report: Report) -> Table:
    table = _table("Attempts per contact", "attempts", "contacts", "")
    most = max(report.attempts_per_contact.values())
    for attempts, contacts in report.attempts_per_contact.items():
        table.add_row(str(attempts), f"{contacts:,}", _bar(contacts, most))
    return table


def _named(title: str, report: Report) -> Table:
    counts = {"gateway": report.gateways, "caller id": report.caller_ids, "hangup cause": report.hangup_causes}[title]
    table = _table(f"By {title}", title, "attempts", "answered")
    for count in counts[:12]:
        table.add_row(escape(count.name or "(none)"), f"{count.attempts:,}", told_share(count.answered, count.attempts))
    return table


def _faults(report: Report) -> Table:
    table = _table("What went wrong", "fault", "calls", "share")
    for count in report.faults:
        table.add_row(escape(count.name or ""), f"{count.attempts:,}", told_share(count.attempts, report.attempts))
    return table


def _bar(value: int, most: int) -> Text:
    eighths = round(_BAR_COLUMNS * 8 * value / most) if most else 0
    return Text("█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip(), style="blue")
