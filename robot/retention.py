"""Deletes recordings whose time is over, and prompts that nobody used for long. Nothing outside their folders."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog

from robot.prompts.library import PromptLibrary
from robot.store.errors import StoreError
from robot.store.records import ExpiredRecording
from robot.store.store import Store

log = structlog.get_logger(__name__)

# A recording lives for days: ten minutes more or less do not matter.
_EVERY_S: Final = 600.0
_AT_ONCE: Final = 500


class Retention:
    """Looks every ten minutes while `run` runs."""

    def __init__(self, store: Store, folder: Path) -> None:
        self._store = store
        self._folder = folder

    async def run(self) -> None:
        while True:
            try:
                await self.delete_expired(datetime.now(UTC))
            except StoreError as error:
                log.warning("retention.postponed", reason=str(error))
            await asyncio.sleep(_EVERY_S)

    async def delete_expired(self, now: datetime) -> int:
        """How many recordings were deleted. Raises StoreError."""
        deleted = 0
        for recording in await self._store.expired_recordings(now, _AT_ONCE):
            if await asyncio.to_thread(self._delete, recording):
                await self._store.recording_deleted(recording.uuid)
                deleted += 1
        if deleted:
            log.info("retention.deleted", recordings=deleted)
        return deleted

    def _delete(self, recording: ExpiredRecording) -> bool:
        """Whether the file is gone."""
        file = Path(recording.path)
        if file.parent != self._folder:
            log.error(
                "retention.not_ours", uuid=recording.uuid, advice="it is not in recordings.folder: delete it by hand"
            )
            return False
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            log.error(
                "retention.cannot_delete", uuid=recording.uuid, reason=error.strerror,
                advice="the robot's user needs write permission on recordings.folder",
            )  # fmt: skip
            return False
        return True


class PromptRetention:
    """Looks every ten minutes while `run` runs; `keep_mb` is what the prompts may have on the disk."""

    def __init__(self, library: PromptLibrary, keep_mb: int) -> None:
        self._library = library
        self._keep_mb = keep_mb

    async def run(self) -> None:
        while True:
            try:
                deleted = await asyncio.to_thread(self._library.sweep, self._keep_mb)
            except OSError as error:
                log.error(
                    "retention.cannot_delete_prompts", reason=error.strerror,
                    advice="the robot's user needs write permission on prompts.folder",
                )  # fmt: skip
            else:
                if deleted:
                    log.info("retention.deleted", prompts=deleted)
            await asyncio.sleep(_EVERY_S)
