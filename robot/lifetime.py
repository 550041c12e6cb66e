"""The life of `robot run`: from being ready to its end, by what signals ask for.

SIGTERM, SIGINT   no new call from that moment; those that go on may finish within `service.finish_s`
the second one    they are hung up now, and their outcomes written
SIGHUP            campaigns are read again, and of robot.toml what LIVE names
a part that dies  as SIGTERM, but the exit status is 1: systemd starts it again
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import structlog
from rich.console import Console

from robot.call.waiting import first_of
from robot.campaign.dialer import Dialer
from robot.campaign.incoming import load_campaigns
from robot.campaign.pace import Limits
from robot.direct_call import running_daemon
from robot.sd_notify import Notifier
from robot.service import LAST_WORDS_S, NewDialer, Service
from robot.settings import ConfigError, Settings
from robot.store.daemons import DaemonRepository
from robot.store.database import Database

log = structlog.get_logger(__name__)

#: The sections of robot.toml that count after SIGHUP; the rest is built into parts that run, and waits for a restart.
LIVE: Final = ("campaigns", "logging", "service")

# How often people and systemd are told how it goes; and how long systemd then waits for the next word.
_TELL_EVERY_S: Final = 10.0
_PATIENCE_S: Final = 30.0


@dataclass(slots=True)
class _Wishes:
    """What signals have asked for."""

    stop: asyncio.Event = field(default_factory=asyncio.Event)
    at_once: asyncio.Event = field(default_factory=asyncio.Event)
    reload: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        (self.at_once if self.stop.is_set() else self.stop).set()

    @contextmanager
    def heard(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.end)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(each)


async def serve(
    settings: Settings, console: Console, reread: Callable[[], Settings], new_dialer: NewDialer | None = None
) -> None:
    """Until SIGTERM or Ctrl-C. `reread`: the configuration as it is now; raises ConfigError.

    Raises AnotherDaemon, CampaignError, what `Daemon` and `Service` raise, and TaskDied.
    """
    notifier = Notifier.from_environment(os.environ)
    notifier.status("Starting: FreeSWITCH, database, speech model")
    await asyncio.to_thread(_refuse_another, settings.database.url)
    campaigns = load_campaigns(settings.campaigns.folder)
    async with (
        running_daemon(settings, console) as daemon,
        Service(settings, daemon, campaigns, new_dialer or dialer_of(settings), notifier) as service,
    ):
        await _Lifetime(settings, service, notifier, console, reread).run()


def dialer_of(settings: Settings) -> NewDialer:
    """The dialer of a robot with these settings."""
    limits = Limits(settings.dialer.calls_per_s, settings.dialer.max_calls)
    return lambda daemon, campaigns: Dialer(daemon.parts, campaigns, limits=limits)


def _refuse_another(url: str) -> None:
    """Before anything is wanted that another robot has, like a port. Raises AnotherDaemon."""
    with closing(Database(url)) as database:
        if database.status().up_to_date:
            with database.read() as session:
                DaemonRepository(session).refuse_another(datetime.now(UTC))


class _Lifetime:
    def __init__(
        self,
        settings: Settings,
        service: Service,
        notifier: Notifier,
        console: Console,
        reread: Callable[[], Settings],
    ) -> None:
        self._settings = settings
        self._service = service
        self._notifier = notifier
        self._console = console
        self._reread = reread
        self._wishes = _Wishes()

    async def run(self) -> None:
        """Raises TaskDied."""
        service, wishes = self._service, self._wishes
        with wishes.heard():
            self._ready()
            stop = asyncio.ensure_future(wishes.stop.wait())
            while not stop.done() and not service.failed.done():
                reload = asyncio.ensure_future(wishes.reload.wait())
                await first_of(stop, service.failed, reload, within_s=_TELL_EVERY_S)
                reload.cancel()
                if wishes.reload.is_set():
                    wishes.reload.clear()
                    await self._reload()
                elif not stop.done():
                    self._notifier.status(self._status())
            stop.cancel()
            if service.failed.done():
                self._console.print(f"{service.failed.result()}: the robot ends.", style="red")
            await self._finish()
        if service.failed.done():
            raise service.failed.result()

    # ------------------------------------------------------------------------------------------------------------------

    def _ready(self) -> None:
        settings, campaigns = self._settings, self._service.campaigns
        names = ", ".join(campaign.name for campaign in campaigns) or f"none in {settings.campaigns.folder}"
        port = self._service.hook_port
        place = f"{settings.incoming.host}:{port}" if port else "switched off"
        ready = f"Ready. Calls that come in: {place}. Campaigns: {names}. Ctrl-C ends it."
        self._console.print(ready, soft_wrap=True)
        if self._service.console_port is not None:
            page = f"http://{settings.console.host}:{self._service.console_port}"
            self._console.print(f"Look at it: {page}. Talk to a campaign: {page}/talk", soft_wrap=True)
        log.info("service.ready", campaigns=len(campaigns), hook=place)
        self._notifier.ready(self._status())

    def _status(self) -> str:
        return f"{len(self._service.campaigns)} campaign(s), {self._service.calls} call(s) going on"

    async def _reload(self) -> None:
        self._notifier.reloading()
        try:
            new = self._reread()
        except ConfigError as error:
            new = self._settings
            for line in str(error).splitlines():
                log.error("service.not_reloaded", problem=line)
            self._console.print(f"robot.toml stays as it was: {error}", style="red", markup=False)
        waiting = [key for key in self._settings.differing(new) if key.partition(".")[0] not in LIVE]
        if waiting:
            log.warning("service.restart_needed", keys=waiting)
            self._console.print(f"Changed, but not before a restart: {', '.join(waiting)}.")
        self._settings = self._settings.model_copy(update={section: getattr(new, section) for section in LIVE})
        problems = await self._service.reload(new.campaigns.folder)
        for problem in problems:
            self._console.print(f"{problem} (the campaign stays as it was)", style="red", markup=False, soft_wrap=True)
        self._console.print(f"Read again: {self._status()}.")
        self._notifier.ready(self._status() + (f"; {len(problems)} mistake(s) in campaigns" if problems else ""))

    async def _finish(self) -> None:
        service, limit_s = self._service, self._settings.service.finish_s
        service.stop_taking()
        log.info("service.stopping", calls=service.calls, within_s=limit_s)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limit_s
        impatient = asyncio.ensure_future(self._wishes.at_once.wait())
        while (calls := service.calls) and not impatient.done() and (left_s := deadline - loop.time()) > 0:
            told = f"{calls} call(s) may finish within {left_s:.0f} s"
            self._console.print(f"{told}; Ctrl-C again ends them at once.")
            log.info("service.finishing", calls=calls, left_s=round(left_s))
            self._notifier.stopping(told, _PATIENCE_S)
            waiting = asyncio.ensure_future(service.finish(min(left_s, _TELL_EVERY_S)))
            await first_of(waiting, impatient)
            if not waiting.cancel():
                waiting.result()
        impatient.cancel()
        self._notifier.stopping("Ending", LAST_WORDS_S + _PATIENCE_S)
        if service.calls:
            log.warning("service.ending_calls", calls=service.calls)
            self._console.print(f"{service.calls} call(s) are hung up now.")
            service.end_calls("the robot is being stopped")
            await service.finish(LAST_WORDS_S)
