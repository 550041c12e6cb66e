"""A dialer that dials nobody and keeps what `robot.service.Dialer` promises; its calls last as long as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from robot.campaign.definition import Campaign
from robot.campaign.watching import CampaignFigures


class FakeDialer:
    """`tell` gets a line for whatever is asked of it. `calls` begin with `run` and last `lasts_s` each."""

    def __init__(
        self, campaigns: Sequence[Campaign], tell: Callable[[str], None], *, calls: int = 0, lasts_s: float = 3600
    ) -> None:
        self.campaigns = list(campaigns)
        self._tell = tell
        self._wanted = calls
        self._lasts_s = lasts_s
        self._calls: set[asyncio.Task[None]] = set()
        self._closed = asyncio.Event()
        self._death: BaseException | None = None

    @property
    def live_calls(self) -> int:
        return len(self._calls)

    async def run(self) -> None:
        for _ in range(self._wanted):
            call = asyncio.create_task(asyncio.sleep(self._lasts_s))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
        await self._closed.wait()
        if self._death is not None:
            raise self._death

    def die(self, error: BaseException) -> None:
        self._death = error
        self._closed.set()

    def stop_dialling(self) -> None:
        self._tell("dials no more")

    async def finish(self, within_s: float) -> int:
        if self._calls:
            await asyncio.wait(self._calls, timeout=within_s)
        return len(self._calls)

    def end_calls(self, reason: str) -> None:
        self._tell(f"ends {len(self._calls)} calls: {reason}")
        for call in self._calls:
            call.cancel()

    def reload(self, campaigns: Sequence[Campaign]) -> None:
        self.campaigns = list(campaigns)
        self._tell(f"has the campaigns {', '.join(campaign.name for campaign in campaigns)}")

    def figures(self) -> list[CampaignFigures]:
        return [CampaignFigures(campaign.name, None, True, self._wanted) for campaign in self.campaigns]

    async def close(self) -> None:
        self._tell("is closed")
        self._closed.set()
