"""What is known of a call is stored while it goes on, beside the conversation: nobody waits for the database.

A database that is away costs nothing but this: the end of the call stores everything once more.
"""

from __future__ import annotations

import asyncio

import structlog

from robot.call.record import CallRecord
from robot.store.errors import StoreError
from robot.store.store import Store

log = structlog.get_logger(__name__)


class Progress:
    """Of one call. `save` from anywhere on the loop; `close` before the outcome is written."""

    def __init__(self, uuid: str, record: CallRecord, store: Store) -> None:
        self._uuid = uuid
        self._record = record
        self._store = store
        self._wanted = False
        self._task: asyncio.Task[None] | None = None

    def save(self) -> None:
        """Store what is known now; while something is being stored, what is known after that."""
        self._wanted = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._save())

    async def close(self) -> None:
        """What has begun to be stored is stored; more is not."""
        self._wanted = False
        if self._task is not None:
            await self._task

    async def _save(self) -> None:
        record = self._record
        while self._wanted:
            self._wanted = False
            try:
                await self._store.save_progress(self._uuid, record.turns(), record.barge_ins(), record.latencies())
            except StoreError as error:
                log.warning("call.progress_not_stored", uuid=self._uuid, reason=str(error))
