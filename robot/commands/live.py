"""`robot live`: who is in a call now, from the Redis where the robots tell it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import click
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from robot.commands.common import explain, json_option, people, print_json, run, settings_of
from robot.settings import ConfigError, SessionsSettings
from robot.store.sessions.session import CallSession, as_document
from robot.store.sessions.sessions import Sessions

_LOOK_EVERY_S: Final = 1.0


@click.command()
@click.option("--campaign", metavar="NAME", help="Only its calls.")
@click.option("--words", is_flag=True, help="With what is being said, too.")
@click.option("--watch", is_flag=True, help="Go on, a look a second, until Ctrl-C.")
@json_option
@click.pass_context
@explain
def live(context: click.Context, campaign: str | None, words: bool, watch: bool, as_json: bool) -> None:
    """Show who is in a call now, of all robots: since when, in which state, at which turn, who speaks."""
    if watch and as_json:
        raise click.UsageError("--watch is for people and --json for programs: use one of them")
    settings = settings_of(context).settings.sessions
    if watch:
        run(_watch(settings, campaign, words))
        return
    calls = run(_look(settings, campaign))
    if as_json:
        print_json([as_document(call, words) for call in calls])
    else:
        people(as_json).print(page(calls, datetime.now(UTC), words))


def _sessions(settings: SessionsSettings) -> Sessions:
    from robot.store.sessions.redis_sessions import RedisSessions

    if settings.url is None:
        raise ConfigError(
            "sessions.url is not set: each robot knows its own calls alone. Write the address of a Redis under "
            "[sessions] in robot.toml, for the robots and for this command, or set ROBOT_SESSIONS__URL"
        )
    return RedisSessions(settings.url)


async def _look(settings: SessionsSettings, campaign: str | None) -> list[CallSession]:
    sessions = _sessions(settings)
    try:
        return await sessions.all(tenant=settings.tenant or None, campaign=campaign)
    finally:
        await sessions.close()


async def _watch(settings: SessionsSettings, campaign: str | None, words: bool) -> None:
    sessions = _sessions(settings)
    console: Console = people(as_json=False)
    try:
        with Live(console=console, auto_refresh=False) as shown:
            while True:
                calls = await sessions.all(tenant=settings.tenant or None, campaign=campaign)
                shown.update(page(calls, datetime.now(UTC), words), refresh=True)
                await asyncio.sleep(_LOOK_EVERY_S)
    except asyncio.CancelledError:  # Ctrl-C
        return
    finally:
        await sessions.close()


def page(calls: Sequence[CallSession], now: datetime, words: bool) -> RenderableType:
    if not calls:
        return Text("Nobody is in a call.")
    table = Table(box=None, pad_edge=False)
    for heading in ("campaign", "number", "node", "for", "state", "speaks", "at work"):
        table.add_column(heading, no_wrap=heading != "at work")
    table.add_column("turn", justify="right")
    table.add_column("reply", justify="right", no_wrap=True)
    for call in calls:
        latest = f"{call.latencies[-1].total_ms} ms" if call.latencies else ""
        table.add_row(
            call.campaign, _number(call), call.node, _length(call, now), call.state, call.speaker or "",
            ", ".join(sorted(call.active)), str(call.turn), latest,
        )  # fmt: skip
    parts: list[RenderableType] = [table]
    if words:
        parts += [Text(), *(Text.assemble((f"{_number(call)}  ", "dim"), _latest_words(call)) for call in calls)]
    return Group(*parts, Text(f"\n{len(calls)} call{'s' if len(calls) > 1 else ''}", style="dim"))


def _number(call: CallSession) -> str:
    return call.number or "withheld"


def _length(call: CallSession, now: datetime) -> str:
    """How long the conversation goes on, as 1:05; nothing before the answer."""
    if call.answered_at is None:
        return ""
    minutes, seconds = divmod(max(0, int((now - call.answered_at).total_seconds())), 60)
    return f"{minutes}:{seconds:02}"


def _latest_words(call: CallSession) -> Text:
    if call.saying is not None:
        return Text(f"robot: {call.saying}", style="cyan")
    if not call.history:
        return Text()
    turn = call.history[-1]
    return Text(f"{turn.speaker}: {turn.text}", style="cyan" if turn.speaker == "robot" else "bold")
