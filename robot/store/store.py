"""The asyncio face of the database: each method is one transaction in a thread of the store's own.

Here is what calls need and what they leave behind; `campaign_store` has what it takes to choose whom to call. What
happened goes through `record`, which waits for nothing and loses nothing while the database is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from typing import Final

from sqlalchemy.orm import Session

from robot.store.campaign_records import NextTry
from robot.store.campaign_store import CampaignStore
from robot.store.campaigns import CampaignRepository
from robot.store.database import Database
from robot.store.do_not_call import DoNotCallRepository
from robot.store.errors import DatabaseUnavailable, JustOptedOut, StoreOverloaded
from robot.store.facts import Fact, NeverDialled, write_facts
from robot.store.journal import Journal
from robot.store.outbox import WebhookRepository
from robot.store.records import (
    AttemptResult,
    DoNotCallEntry,
    ExpiredRecording,
    ImportCount,
    NewAttempt,
    NewDoNotCall,
    NewIncomingCall,
    StoredAttempt,
    StoredWebhook,
)
from robot.store.repositories import AttemptRepository
from robot.store.spool import Kept, Spool
from robot.store.threads import CLOSE_LIMIT_S, LIMIT_S, MAX_WAITING, UNWATCHED, StoreWatcher

#: Why nobody is called, and nobody answered, while `Store.away`.
AWAY: Final = "the database does not take what happens in calls"

_NOT_DIALLED: Final = "the database went away before it was dialled"
# As many entries as a writer keeps others waiting for: tens of ms.
_IMPORT_BATCH: Final = 2000


class Store(CampaignStore):
    """Owns `database` from now on: `close` closes it. Use from one loop.

    Every method may raise DatabaseUnavailable, SchemaOutdated or SchemaNewer, and StoreClosed after `close`. When it is
    DatabaseTimeout, what was to be written may still be written later, but for `begin_attempt`.
    """

    def __init__(
        self,
        database: Database,
        *,
        journal: Journal | None = None,
        limit_s: float = LIMIT_S,
        max_waiting: int = MAX_WAITING,
        watcher: StoreWatcher = UNWATCHED,
    ) -> None:
        """journal: for what happens while the database is away; None: that is kept in memory alone."""
        super().__init__(database, limit_s=limit_s, max_waiting=max_waiting, watcher=watcher)
        # One connection is left to whoever wants to know something.
        self._spool = Spool(self._write_facts, max(1, database.connections - 1), journal)

    # -- what happened -------------------------------------------------------------------------------------------------

    def record(self, fact: Fact) -> asyncio.Future[Kept]:
        """See `Spool.put`. Facts of one attempt, or webhook, are written in their order."""
        return self._spool.put(fact)

    @property
    def away(self) -> bool:
        """Whether the database does not take what happens."""
        return self._spool.away

    @property
    def facts_waiting(self) -> int:
        """What was recorded and is not in the database."""
        return self._spool.waiting

    async def recover(self, within_s: float = LIMIT_S) -> int:
        """See `Spool.recover`. Before anything is dialled."""
        return await self._spool.recover(within_s)

    async def drain(self, within_s: float) -> int:
        """See `Spool.drain`."""
        return await self._spool.drain(within_s)

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        await self._spool.close(limit_s)
        await super().close(limit_s)

    async def _write_facts(self, facts: Sequence[Fact]) -> None:
        # What comes too late is written again: nothing may come after it.
        await self._write("write_facts", lambda session, _: write_facts(facts, session), even_late=False)

    @contextmanager
    def _beginning(self, uuid: str, next_try: NextTry | None) -> Iterator[None]:
        """An attempt whose commit nobody has heard of may be in the tables, and is not dialled."""
        try:
            yield
        except (DatabaseUnavailable, asyncio.CancelledError) as error:
            if not isinstance(error, StoreOverloaded):
                self.record(NeverDialled(uuid, _nothing_done(datetime.now(UTC)), next_try))
            raise

    # -- attempts ------------------------------------------------------------------------------------------------------

    async def begin_attempt(self, new: NewAttempt) -> None:
        """When this returns, the attempt is on the disk and may be dialled; when it raises, it must not be.

        Raises DuplicateAttempt, OnDoNotCallList (no entry that was committed, or recorded here, before is passed over),
        ClaimLost and CalledMeanwhile. After DatabaseUnavailable it is not written later, unless its commit had begun:
        then its outcome is `failed`.
        """
        if self._spool.opted_out(new.number):
            raise JustOptedOut
        again = None if new.claim is None else NextTry(new.created_at, reason=_NOT_DIALLED)
        with self._beginning(new.uuid, again):
            await self._write(
                "begin_attempt",
                lambda session, repeated: AttemptRepository(session).begin(new, repeated=repeated),
                even_late=False,
            )

    async def begin_incoming(self, new: NewIncomingCall) -> dict[str, str]:
        """See `AttemptRepository.begin_incoming`."""
        with self._beginning(new.uuid, None):
            return await self._write(
                "begin_incoming",
                lambda session, repeated: AttemptRepository(session).begin_incoming(new, repeated=repeated),
                even_late=False,
            )

    async def last_campaign(self, number: str) -> str | None:
        """See `AttemptRepository.last_campaign`."""
        return await self._read("last_campaign", lambda session, _: AttemptRepository(session).last_campaign(number))

    async def expired_recordings(self, now: datetime, limit: int) -> list[ExpiredRecording]:
        """See `AttemptRepository.expired_recordings`."""
        return await self._read(
            "expired_recordings", lambda session, _: AttemptRepository(session).expired_recordings(now, limit)
        )

    async def recording_deleted(self, uuid: str) -> None:
        """See `AttemptRepository.recording_deleted`."""
        await self._write("recording_deleted", lambda session, _: AttemptRepository(session).recording_deleted(uuid))

    async def attempt(self, uuid: str) -> StoredAttempt:
        """Raises UnknownAttempt."""
        return await self._read("attempt", lambda session, _: AttemptRepository(session).get(uuid))

    async def unfinished_attempts(self, owner: str | None = None, node: str | None = None) -> list[StoredAttempt]:
        """See `AttemptRepository.unfinished`; without those whose outcome is on its way, or was left in a journal."""
        await self._spool.recover(0)  # a process that died meanwhile may have had some of them
        on_their_way = self._spool.outcomes  # perhaps not any more when the answer is here
        unfinished = await self._read(
            "unfinished_attempts", lambda session, _: AttemptRepository(session).unfinished(owner, node)
        )
        return [attempt for attempt in unfinished if attempt.uuid not in on_their_way | self._spool.outcomes]

    async def outcomes(self, campaign: str) -> dict[str, int]:
        """See `AttemptRepository.outcomes`."""
        return await self._read("outcomes", lambda session, _: AttemptRepository(session).outcomes(campaign))

    # -- the do-not-call list ------------------------------------------------------------------------------------------

    async def import_do_not_call(
        self, entries: Iterable[NewDoNotCall], on_progress: Callable[[ImportCount], None] | None = None
    ) -> ImportCount:
        """In transactions of some thousand entries, each of which is told to `on_progress` as the sum so far.

        Broken off, it can be done again: entries that are there stay as they are.
        """
        count = ImportCount(0, 0)
        for batch in _batches(entries, _IMPORT_BATCH):
            new = await self._write("import_do_not_call", partial(_add_to_list, batch))
            count = ImportCount(count.added + new.added, count.known + new.known)
            if on_progress is not None:
                on_progress(count)
        return count

    async def remove_do_not_call(self, what: str, campaign: str | None = None) -> bool:
        """See `DoNotCallRepository.remove`."""
        return await self._write(
            "remove_do_not_call", lambda session, _: DoNotCallRepository(session).remove(what, campaign)
        )

    async def remove_do_not_call_entry(self, entry_id: int) -> bool:
        """See `DoNotCallRepository.remove_entry`."""
        return await self._write(
            "remove_do_not_call_entry", lambda session, _: DoNotCallRepository(session).remove_entry(entry_id)
        )

    async def is_do_not_call(self, number: str, campaign: str | None) -> DoNotCallEntry | None:
        """See `DoNotCallRepository.find`. `begin_attempt` looks by itself."""
        return await self._read(
            "is_do_not_call", lambda session, _: DoNotCallRepository(session).find(number, campaign)
        )

    async def do_not_call_page(
        self, campaign: str | None = None, *, after_id: int = 0, limit: int = 1000
    ) -> list[DoNotCallEntry]:
        """See `DoNotCallRepository.page`."""
        return await self._read(
            "do_not_call_page", lambda session, _: DoNotCallRepository(session).page(campaign, after_id, limit)
        )

    # -- the outbox ----------------------------------------------------------------------------------------------------

    async def due_webhooks(self, now: datetime, lease: timedelta, limit: int) -> list[StoredWebhook]:
        """See `WebhookRepository.claim_due`."""
        return await self._write(
            "due_webhooks", lambda session, _: WebhookRepository(session).claim_due(now, lease, limit), even_late=False
        )

    async def next_webhook_due_at(self) -> datetime | None:
        """See `WebhookRepository.next_due_at`."""
        return await self._read("next_webhook_due_at", lambda session, _: WebhookRepository(session).next_due_at())

    async def webhook(self, webhook_id: str) -> StoredWebhook | None:
        return await self._read("webhook", lambda session, _: WebhookRepository(session).get(webhook_id))

    async def waiting_webhooks(self) -> int:
        """See `WebhookRepository.waiting`."""
        return await self._read("waiting_webhooks", lambda session, _: WebhookRepository(session).waiting())

    async def delete_finished_webhooks(self, created_before: datetime) -> int:
        """See `WebhookRepository.delete_finished`."""
        return await self._write(
            "delete_finished_webhooks",
            lambda session, _: WebhookRepository(session).delete_finished(created_before),
            even_late=False,
        )


def _nothing_done(at: datetime) -> AttemptResult:
    return AttemptResult("failed", None, None, None, None, None, at, None, _NOT_DIALLED)


def _add_to_list(entries: Sequence[NewDoNotCall], session: Session, _: bool) -> ImportCount:
    names = sorted({entry.campaign for entry in entries if entry.campaign is not None})
    repository = DoNotCallRepository(session)
    repository.lock()
    return repository.add(entries, {name: CampaignRepository(session).ensure(name) for name in names})


def _batches(entries: Iterable[NewDoNotCall], size: int) -> Iterator[list[NewDoNotCall]]:
    iterator = iter(entries)
    while batch := list(islice(iterator, size)):
        yield batch
