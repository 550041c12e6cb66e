"""The parts of the long-running robot of `robot run`, and what may be asked of them: `robot.lifetime` asks.

Calls that come in or are ordered one by one, the dialer, the console, commands from other terminals, deleting what is
too old. Everything is watched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

import structlog

from robot.campaign.definition import Campaign
from robot.campaign.incoming import CampaignsByCall, IncomingCalls
from robot.campaign.ordered_calls import OrderedCalls
from robot.campaign.roster import Roster, reread
from robot.campaign.watching import CampaignFigures
from robot.console.console import Console
from robot.console.health import look
from robot.console.parts import ConsoleParts
from robot.daemon import Daemon
from robot.direct_call import demo_campaign_folder
from robot.doors.campaigns import CampaignsToTry
from robot.doors.doors import Doors
from robot.doors.opening import open_doors
from robot.esl.hook import Hook, HookSettings
from robot.esl.pulse import HubPulse
from robot.metrics.server import MetricsServer
from robot.retention import PromptRetention, Retention
from robot.sd_notify import Notifier
from robot.settings import Settings
from robot.store.campaign_records import CampaignState, StoredCampaign
from robot.store.database import Database
from robot.store.errors import StoreError
from robot.supervision import TaskDied, Watched, feed
from robot.toml_file import Problem

log = structlog.get_logger(__name__)

#: Calls that are ended have so long to be hung up and written down; the store gives up an operation after 15 s.
LAST_WORDS_S: Final = 20.0
_LOOK_EVERY_S: Final = 1.0


class Dialer(Protocol):
    """Places the calls of the campaigns that are RUNNING in the database. All of it is for the loop's thread."""

    @property
    def live_calls(self) -> int:
        """Calls that were begun, dialling included, and whose outcome is not written yet."""

    async def run(self) -> None:
        """Until `close`. One that returns or raises before ends the service."""

    def stop_dialling(self) -> None:
        """No new call from this moment, for good; those that go on do so."""

    async def finish(self, within_s: float) -> int:
        """Wait for the live calls; how many were left. May be cancelled, and called again."""

    def end_calls(self, reason: str) -> None:
        """Hang up every live call; `finish` waits until their outcomes are written."""

    def reload(self, campaigns: Sequence[Campaign]) -> None:
        """From the next call on these campaigns count; what goes on keeps the script it began with."""

    def figures(self) -> Sequence[CampaignFigures]:
        """The campaigns that call, and those that did."""

    async def close(self) -> None:
        """End `run` and give back what was claimed. Calls were ended before."""


NewDialer = Callable[[Daemon, Sequence[Campaign]], Dialer]


class Service:
    """What only a long-running robot does. Use as an async context manager, entered after its daemon.

    Entering raises CampaignError, EventSocketError, MetricsError or ConsoleError. `failed` is done when a part of it
    died, with the reason.
    """

    def __init__(
        self,
        settings: Settings,
        daemon: Daemon,
        campaigns: Sequence[Campaign],
        new_dialer: NewDialer | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self._settings = settings
        self._daemon = daemon
        self._roster = Roster(tuple(campaigns))
        self._new_dialer = new_dialer
        self._notifier = notifier or Notifier(None)
        self._running = AsyncExitStack()
        self._watched = Watched()
        self._incoming: IncomingCalls | None = None
        self._ordered: OrderedCalls | None = None
        self._dialer: Dialer | None = None
        self._rereading = asyncio.Lock()
        self._elsewhere: dict[str, Path] = {}
        self._unknown: dict[str, datetime | None] = {}
        self.hook_port: int | None = None
        self.metrics_port: int | None = None
        self.console_port: int | None = None
        self.doors: Doors | None = None

    async def __aenter__(self) -> Self:
        parts, settings = self._daemon.parts, self._settings
        async with AsyncExitStack() as starting:
            starting.push_async_callback(self._watched.close)
            self._incoming = IncomingCalls(CampaignsByCall(self.campaigns), parts)
            self._ordered = OrderedCalls(parts)
            self._watch_loops(starting)
            recordings = Retention(parts.store, settings.recordings.folder)
            prompts = PromptRetention(parts.prompts, settings.prompts.keep_mb)
            self._watched.start(recordings.run(), "retention")
            self._watched.start(prompts.run(), "prompt retention")
            self._watched.add(self._daemon.webhooks.task)
            self._watched.add(self._daemon.sessions.task)
            if settings.metrics.enabled:
                metrics = MetricsServer(self._daemon.metrics.registry, settings.metrics.host, settings.metrics.port)
                await metrics.start()
                self.metrics_port = metrics.port
                starting.push_async_callback(metrics.close)
                self._watched.start(self._daemon.metrics.campaigns.follow(parts.store), "campaign metrics")
            if settings.incoming.enabled:
                incoming = settings.incoming
                hook = Hook(
                    HookSettings(incoming.host, incoming.port, incoming.max_calls),
                    self._incoming.take,
                    self._daemon.thread,
                )
                await hook.start()
                self.hook_port = hook.port
                starting.push_async_callback(hook.close)
            if settings.voice.enabled:
                self.doors = self._open_doors()
                starting.push_async_callback(self.doors.close)
            if self._new_dialer is not None:
                self._dialer = self._new_dialer(self._daemon, self.campaigns)
                starting.push_async_callback(self._dialer.close)
                self._daemon.metrics.watch_campaigns(self._dialer.figures)
                self._watched.start(self._dialer.run(), "dialer")
            if settings.console.enabled:
                await self._start_console(starting)
            self._watched.start(self._follow_commands(), "commands")
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop_taking()
        self.end_calls("the robot is being stopped")
        if left := await self.finish(LAST_WORDS_S):
            log.error("service.calls_not_ended", calls=left)
        self._watched.stand_down()
        await self._running.aclose()

    @property
    def failed(self) -> asyncio.Future[TaskDied]:
        return self._watched.failed

    @property
    def campaigns(self) -> tuple[Campaign, ...]:
        return self._roster.campaigns

    @property
    def calls(self) -> int:
        """Calls that are going on, in both directions."""
        return sum(part.live_calls for part in self._callers())

    def stop_taking(self) -> None:
        """No new call from this moment, in neither direction."""
        if self._incoming is not None:
            self._incoming.stop_taking()
        if self._ordered is not None:
            self._ordered.stop_taking()
        if self._dialer is not None:
            self._dialer.stop_dialling()

    async def finish(self, within_s: float) -> int:
        """Wait for the calls that go on; how many were left. May be cancelled, and called again."""
        return sum(await asyncio.gather(*(part.finish(within_s) for part in self._callers())))

    def end_calls(self, reason: str) -> None:
        """Hang up whoever talks; `finish` waits until their outcomes are written."""
        for part in self._callers():
            part.end_calls(reason)

    async def reload(self, folder: Path) -> tuple[Problem, ...]:
        """Read the campaigns again, of which `folder` is campaigns.folder now; what is wrong with them.

        One that is wrong stays as it was last good. Calls that go on keep the script that they began with.
        """
        async with self._rereading:
            roster = await asyncio.to_thread(reread, self.campaigns, folder, tuple(self._elsewhere.values()))
            self._settings = self._settings.model_copy(
                update={"campaigns": self._settings.campaigns.model_copy(update={"folder": folder})}
            )
            self._roster = roster
            if self._incoming is not None:
                self._incoming.reload(CampaignsByCall(roster.campaigns))
            if self._dialer is not None:
                self._dialer.reload(roster.campaigns)
        for problem in roster.problems:
            log.error("campaign.not_reloaded", problem=str(problem))
        log.info("service.reloaded", campaigns=len(roster.campaigns), problems=len(roster.problems))
        return roster.problems

    # ------------------------------------------------------------------------------------------------------------------

    def _callers(self) -> list[IncomingCalls | OrderedCalls | Dialer]:
        return [part for part in (self._incoming, self._ordered, self._dialer) if part is not None]

    async def _start_console(self, starting: AsyncExitStack) -> None:
        """Raises ConsoleError."""
        settings, daemon = self._settings, self._daemon
        assert self._ordered is not None
        database = Database(settings.database.url)
        starting.callback(database.close)
        started_at = datetime.now(UTC)
        parts = ConsoleParts(
            daemon.parts, daemon.sessions, database, settings.database.url, self._ordered,
            campaigns=lambda: self.campaigns,
            campaigns_folder=lambda: self._settings.campaigns.folder,
            health=lambda: look(
                daemon.parts, daemon.metrics, daemon.transcription, database.masked_url, started_at, self.calls
            ),
            recordings=settings.recordings.folder,
            voice=self.doors,
        )  # fmt: skip
        console = Console(parts, settings.console)
        await console.start()
        starting.push_async_callback(console.close)
        self.console_port = console.port
        self._watched.add(console.task)
        self._watched.start(console.feed.run(), "console events")

    def _open_doors(self) -> Doors:
        """For browsers and gateways, beside FreeSWITCH's."""
        parts, usual = self._daemon.parts, self._settings.voice.campaign
        return open_doors(
            self._settings, CampaignsToTry(lambda: self.campaigns, usual, demo_campaign_folder()), audio=parts.audio,
            prompts=parts.prompts, thinking=parts.thinking, observer=parts.observer,
        )  # fmt: skip

    def _watch_loops(self, starting: AsyncExitStack) -> None:
        pulse = HubPulse(self._daemon.thread)
        pulse.start()
        starting.callback(pulse.close)
        self._watched.start(feed(pulse.beat, self._notifier.alive, self._notifier.watchdog_s), "watchdog")

    async def _follow_commands(self) -> None:
        """A campaign that was started from another terminal may be one that we have not read yet."""
        away = False
        while True:
            try:
                await self._read_what_was_started(await self._daemon.store.campaigns())
            except StoreError as error:
                if not away:
                    log.warning("service.no_commands", reason=str(error))
                away = True
            else:
                away = False
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _read_what_was_started(self, stored: Sequence[StoredCampaign]) -> None:
        new = [
            campaign
            for campaign in stored
            if campaign.state is CampaignState.RUNNING
            and self._roster.named(campaign.name) is None
            # Once for each time that it is started: what is wrong is told once.
            and self._unknown.get(campaign.name, ...) != campaign.changed_at
        ]
        if not new:
            return
        self._elsewhere |= {campaign.name: Path(campaign.folder) for campaign in new if campaign.folder}
        await self.reload(self._settings.campaigns.folder)
        for campaign in new:
            self._unknown[campaign.name] = campaign.changed_at
            if self._roster.named(campaign.name) is None:
                log.error(
                    "campaign.not_here", campaign=campaign.name,
                    advice="put its folder into campaigns.folder, or start it by its folder",
                )  # fmt: skip
