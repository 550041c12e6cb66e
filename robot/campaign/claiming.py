"""Whom a campaign calls next: claimed ahead, with prompts and all, so that no call waits at its turn; or given back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from robot.call.call import Parts
from robot.call.prompting import CallPrompts, FieldMissing
from robot.campaign.campaign_calls import CampaignCalls
from robot.campaign.numbers import BadNumber
from robot.prompts.errors import NoSound, PromptError, PromptTooLong
from robot.store.campaign_records import ClaimedContact, GivenUp, NextTry
from robot.store.errors import StoreError

log = structlog.get_logger(__name__)

# A claim lasts so long, and a daemon that is silent for 30 s is dead: whoever comes after it waits no longer than that.
_LEASE: Final = timedelta(seconds=60)
# After a look at a list on which nobody was due. Whoever is added meanwhile waits for so long.
_IDLE_S: Final = 3.0
_PROMPTS_AGAIN: Final = timedelta(minutes=1)

Refused = Sequence[tuple[ClaimedContact, NextTry | GivenUp]]


class Claiming:
    """on_ready: somebody can be called. on_away: the database cannot be reached."""

    def __init__(self, parts: Parts, on_ready: Callable[[], None], on_away: Callable[[StoreError], None]) -> None:
        self._parts = parts
        self._store = parts.store
        self._on_ready = on_ready
        self._on_away = on_away
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.claimed: Counter[str] = Counter()  # contacts, by campaign

    async def claim_for(self, calling: CampaignCalls, owner: str) -> None:
        """As many as it wants now; they are `ready` once their prompts are."""
        name, wanted = calling.campaign.name, calling.wanted_ahead()
        if wanted <= 0 or self._loop.time() < calling.look_again_at:
            return
        try:
            claimed = await self._store.claim(name, owner, datetime.now(UTC), wanted, _LEASE)
        except StoreError as error:
            self._on_away(error)
            return
        if claimed:
            self.claimed[name] += len(claimed)
            calling.expected += len(claimed)
            calling.reason = None
            self._begin(self._make_ready(calling, claimed), f"prompts for {name}")
        else:
            calling.look_again_at = self._loop.time() + _IDLE_S
            if not (calling.live or calling.ready or calling.expected):
                calling.reason = "nobody is due"

    async def release(self, refused: Refused) -> None:
        """Who is not called now. What cannot be given back is free when its lease is over."""
        try:
            await self._store.release([(contact.claim, what) for contact, what in refused])
        except StoreError as error:
            self._on_away(error)

    def release_soon(self, refused: Refused) -> None:
        """The same; nobody waits for it."""
        if refused:
            self._begin(self.release(refused), "release")

    async def give_back(self, calling: CampaignCalls) -> None:
        """What was claimed for a campaign that does not run any more."""
        if calling.ready:
            now = datetime.now(UTC)
            given = [(contact, NextTry(now, contact.priority)) for contact in calling.ready]
            calling.ready.clear()
            await self.release(given)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _make_ready(self, calling: CampaignCalls, claimed: Sequence[ClaimedContact]) -> None:
        for contact in claimed:
            try:
                plan = calling.campaign.plan(contact.number, contact.fields)
                await CallPrompts(self._parts.prompts, plan.voice).prepare(plan.scenario, plan.fields)
            except BadNumber as error:
                await self.release([(contact, GivenUp(str(error)))])
            except PromptError as error:
                await self.release([(contact, without_prompts(contact, error))])
            except Exception as error:  # whatever is wrong with one contact must not keep the others waiting
                log.exception("dialer.contact_crashed", campaign=contact.campaign, contact=contact.claim.contact_id)
                gone = GivenUp(f"internal error: {type(error).__name__}, see the robot's log")
                await self.release([(contact, gone)])
            else:
                calling.ready.append(contact)
                self._on_ready()
            finally:
                calling.expected -= 1

    def _begin(self, work: Coroutine[None, None, None], name: str) -> None:
        task = self._loop.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def without_prompts(contact: ClaimedContact, error: PromptError) -> NextTry | GivenUp:
    """What cannot be said to this one never will be; what cannot be said at the moment is no reason to give up."""
    log.error("dialer.contact_cannot_be_called", campaign=contact.campaign, contact=contact.claim.contact_id)
    if isinstance(error, FieldMissing | PromptTooLong | NoSound):
        return GivenUp(str(error))
    return NextTry(datetime.now(UTC) + _PROMPTS_AGAIN, contact.priority, str(error))
