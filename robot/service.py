"""The long-running robot of `robot run`: answers the calls that come in, and deletes recordings whose time is over."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Final, Self

import structlog
from rich.console import Console

from robot.call.waiting import first_of
from robot.campaign.definition import Campaign
from robot.campaign.incoming import CampaignsByCall, IncomingCalls, load_campaigns
from robot.config import Settings
from robot.daemon import Daemon
from robot.direct_call import running_daemon
from robot.esl.hook import Hook, HookSettings
from robot.retention import PromptRetention, Retention

log = structlog.get_logger(__name__)

# Calls that talk when the robot is stopped may go on for so long; systemd waits 90 s before it kills.
_FINISH_S: Final = 60.0


class Service:
    """What only a long-running robot does. Use as an async context manager, entered after its daemon.

    Entering raises CampaignError or EventSocketError. `failed` is done when a part of it died, with the reason.
    """

    def __init__(self, settings: Settings, daemon: Daemon, campaigns: Sequence[Campaign]) -> None:
        self._settings = settings
        self._daemon = daemon
        self._campaigns = campaigns
        self._running = AsyncExitStack()
        self._incoming: IncomingCalls | None = None
        self.hook_port: int | None = None
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        parts, settings = self._daemon.parts, self._settings
        async with AsyncExitStack() as starting:
            recordings = Retention(parts.store, settings.recordings.folder)
            prompts = PromptRetention(parts.prompts, settings.prompts.keep_mb)
            for name, retention in (("retention", recordings.run()), ("prompt retention", prompts.run())):
                task = asyncio.create_task(retention, name=name)
                task.add_done_callback(self._ended)
                starting.push_async_callback(_cancelled, task)
            self._daemon.webhooks.task.add_done_callback(self._ended)
            self._incoming = IncomingCalls(CampaignsByCall(self._campaigns), parts)
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
            self._running = starting.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.finish(0)
        await self._running.aclose()

    @property
    def calls(self) -> int:
        """Calls that are going on."""
        return 0 if self._incoming is None else self._incoming.count

    async def finish(self, limit_s: float) -> None:
        """Take no more calls; those that talk have `limit_s` to finish."""
        if self._incoming is not None:
            await self._incoming.finish(limit_s)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and not self.failed.done():
            self.failed.set_result(task.exception() or RuntimeError(f"{task.get_name()} ended by itself"))


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def serve(settings: Settings, console: Console) -> None:
    """Until SIGTERM or Ctrl-C: then no new call, those that talk may finish, a second signal ends them at once.

    Raises CampaignError, what `Daemon` and `Service` raise, and whatever a part died of.
    """
    campaigns = load_campaigns(settings.campaigns.folder)
    async with running_daemon(settings, console) as daemon, Service(settings, daemon, campaigns) as service:
        stopping = asyncio.Event()
        at_once = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            (at_once if stopping.is_set() else stopping).set()

        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, on_signal)
        try:
            names = ", ".join(campaign.name for campaign in campaigns) or f"none in {settings.campaigns.folder}"
            place = f"{settings.incoming.host}:{service.hook_port}" if service.hook_port else "switched off"
            console.print(f"Ready. Calls that come in: {place}. Campaigns: {names}. Ctrl-C ends it.")
            log.info("service.ready", campaigns=len(campaigns), hook=place)
            stop = asyncio.ensure_future(stopping.wait())
            await first_of(stop, service.failed)
            stop.cancel()
            if service.failed.done():
                raise service.failed.result()
            await _finish(service, at_once, console)
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)


async def _finish(service: Service, at_once: asyncio.Event, console: Console) -> None:
    if service.calls:
        told = f"{service.calls} call(s) may finish within {_FINISH_S:.0f} s; Ctrl-C again ends them at once."
        console.print(told)
    log.info("service.stopping", calls=service.calls)
    finishing = asyncio.create_task(service.finish(_FINISH_S))
    impatient = asyncio.create_task(at_once.wait())
    await asyncio.wait({finishing, impatient}, return_when=asyncio.FIRST_COMPLETED)
    impatient.cancel()
    if not finishing.done():
        await service.finish(0)
    await finishing
