"""Why somebody is called, or not, in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.table import Table
from rich.text import Text

from robot.campaign.explanation import Explanation, Known, Overview, masked
from robot.campaign.rules import Allowed, Never, NotNow, Verdict
from robot.campaign.status import NotCalling
from robot.campaign.status_view import told_not_calling, told_time

_MOST_OPENINGS = 5


def print_explanation(
    console: Console, campaign: str, told: Explanation, waits: NotCalling | None, *, numbers: bool
) -> None:
    """waits: the whole campaign; None: it calls people."""
    known, contact, now = told.known, told.known.contact, told.at
    console.print(Text.assemble((_number(known, numbers), "bold"), f" in {campaign}\n"))
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim")
    rows.add_column()
    rows.add_row("where", _where(told))
    if contact is None:
        rows.add_row("list", "not on it")
    else:
        next_at = "" if contact.next_at is None else f", may be claimed from {told_time(contact.next_at, now)}"
        why = "" if contact.reason is None else f": {contact.reason}"
        rows.add_row("list", f"{contact.state}{next_at}{why}; calls so far: {contact.attempts}")
    entry = known.do_not_call
    if entry is None:
        rows.add_row("do not call", "no entry")
    else:
        scope = "all campaigns" if entry.campaign is None else entry.campaign
        rows.add_row("do not call", f"entry {entry.id}, for {scope}, since {entry.added_at:%Y-%m-%d}: {entry.source}")
    for place, attempt in enumerate(known.history):
        callback = attempt.callback_earliest
        wish = "" if callback is None else f", wished to be called from {told_time(callback, now)}"
        began = f"{attempt.created_at.astimezone():%Y-%m-%d %H:%M}"
        line = f"{began} {attempt.campaign}: {attempt.outcome or 'goes on'}{wish}"
        rows.add_row("calls" if place == 0 else "", Text(line))
    if not known.history:
        rows.add_row("calls", "none so far")
    rows.add_row("rules", _verdict(told.verdict, now))
    rows.add_row("", _rulings(told))
    rows.add_row("campaign", "calls people" if waits is None else f"calls nobody: {told_not_calling(waits, now)}")
    console.print(rows)
    end = told.conclusion
    until = "" if end.until is None else f", until {told_time(end.until, now)}"
    if end.called:
        line, style = f"\nWould be called now: {end.reason}.", "green"
        if waits is not None:
            line, style = f"\nWould be called now, if the campaign called anybody: {end.reason}.", "yellow"
    else:
        line, style = f"\nIs not called now: {end.reason}{until}.", "yellow"
    console.print(Text(line, style=style))


def print_overview(
    console: Console, campaign: str, seen: Overview, waits: NotCalling | None, at: datetime, *, numbers: bool
) -> None:
    told = "calls people" if waits is None else f"calls nobody: {told_not_calling(waits, at)}"
    console.print(Text.assemble((campaign, "bold"), f"  {told}"))
    judged = "" if seen.judged == seen.due else f", of the {seen.judged:,} that were looked at (see --limit)"
    console.print(f"\n{seen.due:,} contacts are due. {len(seen.called):,} of them would be called now{judged}.")
    if seen.called:
        console.print(Text(_first(seen.called, numbers)))
    if seen.others:
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
        table.add_column("contacts", justify="right")
        table.add_column("are not called now")
        table.add_column("the first of them from")
        for group in seen.groups:
            table.add_row(
                f"{group.contacts:,}", Text(group.reason), "" if group.until is None else told_time(group.until, at)
            )
        console.print()
        console.print(table)
    if seen.next_openings:
        openings = ", ".join(
            f"{told_time(opens_at, at)} ({reason})" for opens_at, reason in seen.next_openings[:_MOST_OPENINGS]
        )
        console.print(Text(f"\nNext: {openings}"))


def _first(called: Sequence[Known], numbers: bool, most: int = 10) -> str:
    named = ", ".join(_number(each, numbers) for each in called[:most])
    return f"The next ones: {named}{', ...' if len(called) > most else ''}"


def _number(known: Known, numbers: bool) -> str:
    return known.number if numbers else masked(known.number)


def _where(told: Explanation) -> str:
    regions = " and ".join(told.regions) or "no country that is known"
    clocks = ", ".join(f"{told.at.astimezone(zone):%a %H:%M} in {zone.key}" for zone in told.zones)
    return f"{regions}; {clocks or 'its time zone is not known'}"


def _rulings(told: Explanation) -> Table:
    """Each rule by itself, for whoever wants to know which of them to change."""
    table = Table.grid(padding=(0, 2))
    for ruling in told.rulings:
        said = "yes" if isinstance(ruling.verdict, Allowed) else _verdict(ruling.verdict, told.at)
        table.add_row(ruling.rule, ruling.counted or "", Text(said, style="" if said == "yes" else "yellow"))
    return table


def _verdict(verdict: Verdict, now: datetime) -> str:
    match verdict:
        case Allowed(callback):
            return "may be called now, as they wished" if callback else "may be called now"
        case NotNow(until, reason):
            return f"not before {told_time(until, now)}: {reason}"
        case Never(reason):
            return f"never: {reason}"
