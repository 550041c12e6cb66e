"""A campaign's report as one HTML file: nothing in it is loaded from elsewhere, and no script runs in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from importlib.resources import files
from typing import Final

from robot.campaign.charts import Bar, Cell, Column, bars, columns, grid
from robot.campaign.report import TALK_CLASSES, WEEKDAYS, Report, Slot
from robot.campaign.report_view import told_duration, told_period, told_share, told_talk, totals
from robot.store.reporting import NamedCount

#: As many columns as can be told apart; more days than that are counted by the week.
_MOST_DAYS: Final = 92
_MOST_LABELS: Final = 12
_MOST_ROWS: Final = 15
#: Attempts of which a rate says something.
_TELLING: Final = 20
_ANSWERED: Final = '<i class="key strong"></i>answered<i class="key weak"></i>not answered'


def page(report: Report) -> str:
    """The file's text."""
    style = files("robot.campaign").joinpath("report_page.css").read_text("utf-8")
    name = escape(report.campaign)
    tiles = "".join(
        f"<li><span>{escape(total.name)}</span><b>{escape(total.value)}</b><span>{escape(total.note)}</span></li>"
        for total in totals(report)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{name}: report</title>
<style>
{style}</style>
</head>
<body>
<h1>{name}</h1>
<p>{escape(told_period(report))}</p>
<ul class="totals">{tiles}</ul>
<main>
{"".join(_parts(report)) if report.attempts else "<p>No attempts in this time.</p>"}
</main>
<footer>Made {report.made_at.astimezone(report.zone):%Y-%m-%d %H:%M} by robot campaign report.</footer>
</body>
</html>
"""


def _parts(report: Report) -> list[str]:
    parts = [_outcomes(report), _amd(report), _steps(report), _days(report), _hours(report), _week(report)]
    parts += [_talks(report), _per_contact(report)]
    named = [("Gateways", report.gateways), ("Caller ids", report.caller_ids), ("Hangup causes", report.hangup_causes)]
    named += [("Faults", report.faults)] if report.faults else []
    return [part for part in parts if part] + [_table(title, counts) for title, counts in named]


def _section(title: str, note: str, content: str) -> str:
    """note: HTML."""
    return f"<section>\n<h2>{escape(title)}</h2>\n<p>{note}</p>\n{content}\n</section>\n"


def _outcomes(report: Report) -> str:
    rows = []
    for count in report.outcomes:
        name, share = count.outcome or "(goes on)", told_share(count.attempts, report.attempts)
        title = f"{name}: {count.attempts:,} attempts, {count.answered:,} answered, "
        title += f"{told_duration(count.talk_ms / 1000)} of talk"
        rows.append(Bar(name, count.attempts, f"{count.attempts:,} · {share}", title))
    return _section("Outcomes", "What became of the attempts", bars("Attempts by outcome", rows))


def _amd(report: Report) -> str:
    rows = []
    for count in report.amd:
        name, share = count.kind or "(not told)", told_share(count.answered, report.answered)
        sure = "" if count.confidence is None else f", {count.confidence:.0%} sure on average"
        rows.append(
            Bar(name, count.answered, f"{count.answered:,} · {share}", f"{name}: {count.answered:,} calls{sure}")
        )
    return _section("Who picked up", "Of answered calls", bars("Answered calls by AMD", rows)) if rows else ""


def _steps(report: Report) -> str:
    rows = []
    for count in report.steps:
        share = told_share(count.calls, report.answered)
        title = f"{count.step}: {count.calls:,} calls came to it, {count.ended:,} ended there, "
        title += f"it was talked over {count.interrupted:,} times"
        rows.append(Bar(count.step, count.calls, f"{count.calls:,} · {share}", title))
    note = "How many of the answered calls came to each step"
    return _section("Steps of the script", note, bars("Calls by step", rows)) if rows else ""


def _days(report: Report) -> str:
    weekly = len(report.days) > _MOST_DAYS
    slots = _by_week(report.days) if weekly else report.days
    every = -(-len(slots) // _MOST_LABELS)
    drawn = [
        Column(f"{day:%d %b}" if index % every == 0 else "", slot.attempts, slot.answered, f"{day}: {_told(slot)}")
        for index, (day, slot) in enumerate(slots.items())
    ]
    title = "Attempts by week" if weekly else "Attempts by day"
    return _section(title, _ANSWERED, columns(title, drawn))


def _by_week(days: Mapping[date, Slot]) -> dict[date, Slot]:
    weeks: dict[date, Slot] = {}
    for day, slot in days.items():
        monday = day - timedelta(days=day.weekday())
        weeks[monday] = weeks.get(monday, Slot()) + slot
    return weeks


def _hours(report: Report) -> str:
    drawn = [
        Column(f"{hour:02}", slot.attempts, slot.answered, f"{hour:02}:00 to {hour + 1:02}:00: {_told(slot)}")
        for hour, slot in enumerate(report.hours)
    ]
    return _section("Attempts by hour of the day", _ANSWERED, columns("Attempts by hour of the day", drawn))


def _week(report: Report) -> str:
    """Of each hour of the week, how many attempts were answered."""
    slots = [slot for day in report.week for slot in day]
    # A lucky hour with two attempts must not make all others pale.
    telling = [slot for slot in slots if slot.attempts >= _TELLING] or slots
    best = max(slot.answer_rate or 0.0 for slot in telling) or 1.0
    rows = [
        (name, [_cell(f"{name} {hour:02}:00", slot, best) for hour, slot in enumerate(day)])
        for name, day in zip(WEEKDAYS, report.week, strict=True)
    ]
    note = "Percent of the attempts that were answered; empty: none was made"
    about = "Answer rate by hour and weekday"
    return _section(about, note, grid(about, [f"{hour:02}" for hour in range(24)], rows))


def _cell(when: str, slot: Slot, best: float) -> Cell:
    rate = slot.answer_rate
    if rate is None:
        return Cell(None, "", f"{when}: no attempts")
    return Cell(min(1.0, rate / best), f"{rate * 100:.0f}", f"{when}: {_told(slot)}")


def _talks(report: Report) -> str:
    drawn = [
        Column(told_talk(begin, end), calls, calls, f"{told_talk(begin, end)}: {calls:,} calls")
        for (begin, end), calls in zip(TALK_CLASSES, report.talks, strict=True)
    ]
    return _section("Length of talks", "Answered calls", columns("Answered calls by length of talk", drawn))


def _per_contact(report: Report) -> str:
    drawn = [
        Column(str(attempts), contacts, contacts, f"{contacts:,} contacts had {attempts} attempts")
        for attempts, contacts in report.attempts_per_contact.items()
    ]
    about = "Contacts by number of attempts"
    return _section("Attempts per contact", "Contacts that were called so many times", columns(about, drawn))


def _table(title: str, counts: Sequence[NamedCount]) -> str:
    rows = "".join(
        f"<tr><td>{escape(count.name or '(none)')}</td><td>{count.attempts:,}</td><td>{count.answered:,}</td>"
        f"<td>{told_share(count.answered, count.attempts)}</td></tr>"
        for count in counts[:_MOST_ROWS]
    )
    more = len(counts) - _MOST_ROWS
    note = f"The first {_MOST_ROWS} of {len(counts)}" if more > 0 else "Attempts, and how many were answered"
    head = "<tr><th></th><th>attempts</th><th>answered</th><th>rate</th></tr>"
    return _section(title, note, f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>")


def _told(slot: Slot) -> str:
    share = f" ({told_share(slot.answered, slot.attempts)})" if slot.attempts else ""
    return f"{slot.attempts:,} attempts, {slot.answered:,} answered{share}"
