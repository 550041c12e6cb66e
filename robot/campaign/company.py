"""This daemon among those that share its database: it signs on, says that it lives, and knows which part is its own.

Limits hold for all of them together, so each keeps to its part. Whoever joins waits until the others have heard of it
and keep to less; the part of one that died is divided once it is known to be dead.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import structlog

from robot.campaign.pace import Limits
from robot.store.campaign_records import Daemon, TakenOver
from robot.store.daemons import this_daemon
from robot.store.errors import StoreError
from robot.store.store import Store

log = structlog.get_logger(__name__)

HEARTBEAT_S: Final = 5.0
# A heartbeat and some time for it to be written.
_MAKE_ROOM_S: Final = 1.5 * HEARTBEAT_S


class Company:
    """All of it is for the loop's thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._daemon: Daemon = this_daemon(datetime.now(UTC))
        self._index, self._of = 0, 1
        self._settled_at = 0.0
        self._told: Mapping[str, str] = {}

    @property
    def owner(self) -> str:
        """This daemon, in the database."""
        return self._daemon.id

    @property
    def alone(self) -> bool:
        return self._of == 1

    def settled(self, now: float) -> bool:
        """Whether the others, if there are any, know of us. now: of the loop's clock."""
        return now >= self._settled_at

    def part(self, limits: Limits) -> Limits:
        """What is ours of limits that all keep together."""
        return limits.part(self._index, self._of)

    async def join(self) -> TakenOver:
        """Raises AnotherDaemon on SQLite, when another robot has this database."""
        taken = await self._store.register_daemon(self._daemon)
        self._told = {}
        await self._look_around()
        if not self.alone:
            self._settled_at = asyncio.get_running_loop().time() + _MAKE_ROOM_S
        log.info("dialer.joined", owner=self.owner, daemons=self._of)
        return taken

    async def stay(self) -> TakenOver | None:
        """Say that we live. What others left who do not; None: we slept for so long that what we had is somebody
        else's, and are another daemon from now on."""
        taken = await self._store.heartbeat(self._daemon, datetime.now(UTC))
        if taken is None:
            log.error("dialer.taken_for_dead", owner=self.owner)
            self._daemon = this_daemon(datetime.now(UTC))
            await self.join()
            return None
        await self._look_around()
        return taken

    async def tell(self, reasons: Mapping[str, str]) -> None:
        """Why we call nobody at the moment, by campaign, to whoever asks the database."""
        if reasons != self._told:
            await self._store.tell_reasons(self.owner, reasons)
            self._told = reasons

    async def leave(self) -> None:
        """Give back what was claimed."""
        try:
            await self._store.unregister_daemon(self._daemon, datetime.now(UTC))
        except StoreError as error:
            log.warning("dialer.not_signed_off", reason=str(error))

    async def _look_around(self) -> None:
        before = self._of
        self._index, self._of = await self._store.place_of_daemon(self.owner)
        if self._of != before:
            log.info("dialer.daemons", daemons=self._of)
