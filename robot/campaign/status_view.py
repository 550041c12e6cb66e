"""How campaigns go, in the terminal. Times are those of whoever looks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from robot.campaign.status import CampaignStatus, NotCalling
from robot.store.standing import LivingDaemon


def status_page(campaigns: Sequence[CampaignStatus], daemons: Sequence[LivingDaemon], now: datetime) -> Group:
    parts: list[RenderableType] = [Text(_robots(daemons), style="dim")]
    if not campaigns:
        parts.append(Text("\nNo campaign yet: `robot campaign import DIR` puts its contacts into the database."))
    for campaign in campaigns:
        parts += [Text(), _campaign(campaign, now)]
    return Group(*parts)


def _robots(daemons: Sequence[LivingDaemon]) -> str:
    if not daemons:
        return "No robot is running."
    hosts = ", ".join(dict.fromkeys(each.daemon.host for each in daemons))
    return f"{len(daemons)} robot{'s' if len(daemons) > 1 else ''} on {hosts}"


def _campaign(campaign: CampaignStatus, now: datetime) -> Group:
    stored, standing = campaign.standing.campaign, campaign.standing
    since = "" if stored.changed_at is None else f" since {told_time(stored.changed_at, now)}"
    share = campaign.done / campaign.total if campaign.total else 0.0
    figures = Table.grid(padding=(0, 2))
    figures.add_column(style="dim")
    figures.add_column()
    contacts = f"{campaign.left:,} left, {campaign.done:,} done of {campaign.total:,} ({share:.0%})"
    figures.add_row("contacts", Group(Text(contacts), ProgressBar(campaign.total or 1, campaign.done, width=40)))
    figures.add_row("in call", f"{standing.in_call:,}")
    figures.add_row("pace", _pace(campaign))
    if campaign.answer_rate is not None:
        figures.add_row("answered", f"{campaign.answer_rate:.0%} of the last {standing.last.ended:,} calls")
    if standing.outcomes:
        figures.add_row("outcomes", _outcomes(campaign))
    if campaign.not_calling is not None:
        figures.add_row("no new call", Text(told_not_calling(campaign.not_calling, now), style="yellow"))
    return Group(Text.assemble((stored.name, "bold"), f"  {stored.state}{since}"), figures)


def _pace(campaign: CampaignStatus) -> str:
    left = "" if campaign.time_left is None else f", about {told_span(campaign.time_left)} left at this pace"
    return f"{campaign.calls_per_minute:,.1f} calls a minute{left}"


def _outcomes(campaign: CampaignStatus) -> str:
    ordered = sorted(campaign.standing.outcomes.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{outcome} {count:,}" for outcome, count in ordered)


def told_not_calling(waits: NotCalling, now: datetime) -> str:
    return waits.reason + ("" if waits.until is None else f", until {told_time(waits.until, now)}")


def told_time(at: datetime, now: datetime) -> str:
    """`14:05`, `Mon 09:00` within a week, else `2026-12-24 09:00`; in the zone of this machine."""
    local, today = at.astimezone(), now.astimezone().date()
    if local.date() == today:
        return f"{local:%H:%M}"
    return f"{local:%a %H:%M}" if abs((local.date() - today).days) < 7 else f"{local:%Y-%m-%d %H:%M}"


def told_span(span: timedelta) -> str:
    """`40 s`, `12 min`, `5.5 h`, `3.0 days`"""
    seconds = span.total_seconds()
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.1f} days"
