"""What the console is given of the running robot, and how it reads the database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy.orm import Session

from robot.call.call import Parts
from robot.campaign.definition import Campaign
from robot.campaign.ordered_calls import OrderedCalls
from robot.console.errors import Refused
from robot.console.health import Health
from robot.console.voice import Voice
from robot.live_sessions import LiveSessions
from robot.store.campaigns import CampaignRepository
from robot.store.database import Database
from robot.store.errors import UnknownCampaign
from robot.store.store import Store

# A report of millions of calls takes seconds of a thread: what else is asked waits its turn.
_AT_ONCE: Final = 4

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ConsoleParts:
    """database: one of its own, so that reports keep no call waiting. campaigns: those whose files are known here.

    campaigns_folder: campaigns.folder. recordings: where those of calls are, and nothing else. voice: None: it is off.
    """

    parts: Parts
    live: LiveSessions
    database: Database
    database_url: str
    ordered: OrderedCalls
    campaigns: Callable[[], Sequence[Campaign]]
    campaigns_folder: Callable[[], Path]
    health: Callable[[], Health]
    recordings: Path
    voice: Voice | None = None
    _reading: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))

    async def read(self, work: Callable[[Session], T]) -> T:
        """`work` in a transaction that only reads, in a thread. Raises StoreError."""

        def in_session() -> T:
            with self.database.read() as session:
                return work(session)

        return await self.in_thread(in_session)

    async def aside(self, work: Callable[[Store], Awaitable[T]]) -> T:
        """`work` in a thread, with a loop and a store of its own: for files, of which each row costs a little."""

        async def with_store() -> T:
            store = Store(Database(self.database_url))
            try:
                return await work(store)
            finally:
                await store.close()

        return await self.in_thread(lambda: asyncio.run(with_store()))

    async def in_thread(self, work: Callable[[], T]) -> T:
        async with self._reading:
            return await asyncio.to_thread(work)

    def campaign(self, name: str) -> Campaign:
        """With its files. Raises Refused."""
        found = next((campaign for campaign in self.campaigns() if campaign.name == name), None)
        if found is None:
            raise Refused(
                404, "no-campaign-files", f"this robot has no files of a campaign {name!r}: put its folder into "
                "campaigns.folder, and reload with SIGHUP, or start it by its folder",
            )  # fmt: skip
        return found

    async def known(self, name: str) -> str:
        """The name, which this robot's files or the database know. Raises UnknownCampaign, and other StoreErrors."""
        if not any(campaign.name == name for campaign in self.campaigns()):
            stored = await self.read(lambda session: {each.name for each in CampaignRepository(session).all()})
            if name not in stored:
                raise UnknownCampaign(name)
        return name
