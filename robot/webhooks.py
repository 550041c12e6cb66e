"""Webhooks: tells web servers what happened, signed, as often as it takes.

What is to be sent is in the store's outbox before it is sent, and stays there until the receiver has said 2xx. A
message may arrive twice (an answer that was lost); its `Idempotency-Key` is the same each time. Knows nothing of calls.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import httpx2
import structlog

from robot import __version__
from robot.store.errors import StoreError
from robot.store.facts import WebhookDue, WebhookTried
from robot.store.records import NewWebhook, StoredWebhook
from robot.store.store import Store
from robot.webhook_message import BadWebhookUrl, check_url

log = structlog.get_logger(__name__)

#: `t=SECONDS,v1=HEX`: HMAC-SHA256 over `SECONDS.BODY`, with the time of this try.
SIGNATURE_HEADER: Final = "Robot-Signature"
EVENT_HEADER: Final = "Robot-Event"
KEY_HEADER: Final = "Idempotency-Key"

_AT_ONCE: Final = 8  # deliveries; a handshake takes some ms of the loop
_LEASE_S: Final = 30.0  # beyond the time limit of a delivery: until another robot may try
# A look at the outbox costs one read: another process may have put something there, or have died with it.
_LOOK_EVERY_S: Final = 5.0
_LOOK_AGAIN_S: Final = 0.05  # what is due and cannot be had is another robot's in this moment
_FIRST_DELAY_S: Final = 5.0
_LONGEST_DELAY_S: Final = 3600.0
_CLEAN_EVERY_S: Final = 3600.0
_COUNT_EVERY_S: Final = 15.0
_GONE: Final = 410


class _Undelivered(Exception):
    """Why a delivery did not work; `for_good`: the receiver says so."""

    def __init__(self, reason: str, *, for_good: bool = False) -> None:
        super().__init__(reason)
        self.for_good = for_good


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """secret: of the signature; None: there is none. timeout_s: of one delivery. max_age_hours: after that one is given
    up, and what is delivered is deleted."""

    secret: str | None = None
    timeout_s: float = 10.0
    max_age_hours: int = 24


def signature(secret: str, body: str, at: datetime) -> str:
    """The value of SIGNATURE_HEADER."""
    seconds = int(at.timestamp())
    digest = hmac.new(secret.encode(), f"{seconds}.{body}".encode(), hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def retry_delay_s(tries: int, dice: random.Random) -> float:
    """How long to wait after the try number `tries` (from 1): doubles from 5 s to an hour, with equal jitter, so that
    a receiver that comes back is not met by everything at once."""
    ceiling = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2 ** min(tries - 1, 16))
    return dice.uniform(ceiling / 2, ceiling)


class WebhookSender:
    """Delivers what is in the outbox of `store` between `start` and `close`.

    `task`, once started, never ends by itself: when it does it has died of a defect, and says so in the log. Several
    senders on one database share the work.
    """

    def __init__(
        self,
        store: Store,
        settings: WebhookSettings,
        *,
        transport: httpx2.AsyncBaseTransport | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        dice: random.Random | None = None,
    ) -> None:
        self._store = store
        self._settings = settings
        self._transport = transport
        self._now = now
        self._dice = dice or random.Random()  # noqa: S311 - spreads load, hides nothing
        self._client: httpx2.AsyncClient | None = None
        self._deliveries: set[asyncio.Task[None]] = set()
        self._taking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        # In the outbox, which robots may share; counted every _COUNT_EVERY_S. None: not known.
        self.waiting: int | None = None

    @property
    def task(self) -> asyncio.Task[None]:
        if self._task is None:
            raise RuntimeError("the sender of webhooks was not started")
        return self._task

    async def start(self) -> None:
        # Reads the certificates of the system: 80 ms.
        self._client = await asyncio.to_thread(self._new_client)
        self._task = asyncio.create_task(self._run(), name="webhooks")
        self._task.add_done_callback(_tell_death)

    async def close(self) -> None:
        """What is being delivered is broken off and stays in the outbox."""
        tasks = {*self._deliveries, *([self._task] if self._task else [])}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._client.aclose()

    def look(self) -> None:
        """Somebody has put something into the outbox."""
        self._wake.set()

    async def deliver_now(self, new: NewWebhook, timeout_s: float | None = None) -> bool:
        """Whether it was delivered within `timeout_s`; if not, it is in the outbox and will be tried again.

        timeout_s: that of the settings unless given.
        """
        limit_s = timeout_s or self._settings.timeout_s
        # In the outbox first: if this process dies in the middle, it is tried again after that time.
        await self._store.record(WebhookDue(new, self._now() + timedelta(seconds=limit_s + _LEASE_S)))
        undelivered = await self._send(new, limit_s)
        await self._note(new, 1, undelivered)
        return undelivered is None

    async def drain(self, within_s: float) -> int:
        """Try at once whatever is due, for `within_s` at most; how many are left in the outbox. Raises StoreError."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while (left_s := deadline - loop.time()) > 0:
            await self._take_due()
            if not self._deliveries:
                break
            await asyncio.wait(self._deliveries, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
        return await self._store.waiting_webhooks()

    # ------------------------------------------------------------------------------------------------------------------

    def _new_client(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=4 * _AT_ONCE, max_keepalive_connections=_AT_ONCE)
        return httpx2.AsyncClient(
            transport=self._transport,
            limits=limits,
            timeout=None,  # one for the whole, in `_send`
            follow_redirects=False,
            headers={"User-Agent": f"freeswitch-robot/{__version__}", "Content-Type": "application/json"},
        )

    async def _run(self) -> None:
        clean_at = count_at = 0.0
        loop = asyncio.get_running_loop()
        while True:
            pause_s = _LOOK_EVERY_S
            self._wake.clear()
            try:
                await self._take_due()
                if loop.time() >= clean_at:
                    clean_at = loop.time() + _CLEAN_EVERY_S
                    await self._store.delete_finished_webhooks(self._now() - self._max_age)
                if loop.time() >= count_at:
                    count_at = loop.time() + _COUNT_EVERY_S
                    self.waiting = await self._store.waiting_webhooks()
                due_at = await self._store.next_webhook_due_at()
                if due_at is not None:
                    pause_s = min(pause_s, max(_LOOK_AGAIN_S, (due_at - self._now()).total_seconds()))
            except StoreError as error:
                log.warning("webhooks.postponed", reason=str(error))
            if len(self._deliveries) >= _AT_ONCE:
                await asyncio.wait(self._deliveries, return_when=asyncio.FIRST_COMPLETED)
                continue
            await _set_within(self._wake, pause_s)

    async def _take_due(self) -> None:
        """Begin to deliver what is due, as far as there is room."""
        async with self._taking:
            room = _AT_ONCE - len(self._deliveries)
            if room <= 0:
                return
            lease = timedelta(seconds=self._settings.timeout_s + _LEASE_S)
            for webhook in await self._store.due_webhooks(self._now(), lease, room):
                task = asyncio.create_task(self._deliver(webhook), name=f"webhook {webhook.id}")
                self._deliveries.add(task)
                task.add_done_callback(self._delivered)

    def _delivered(self, task: asyncio.Task[None]) -> None:
        self._deliveries.discard(task)
        self._wake.set()
        _tell_death(task)

    async def _deliver(self, webhook: StoredWebhook) -> None:
        await self._note(webhook, webhook.tries + 1, await self._send(webhook, self._settings.timeout_s))

    async def _send(self, webhook: NewWebhook | StoredWebhook, limit_s: float) -> _Undelivered | None:
        """None: it is delivered."""
        if self._client is None:
            raise RuntimeError("the sender of webhooks was not started")
        headers = {KEY_HEADER: webhook.id, EVENT_HEADER: webhook.event}
        if self._settings.secret:
            headers[SIGNATURE_HEADER] = signature(self._settings.secret, webhook.body, self._now())
        try:
            check_url(webhook.url)
            async with asyncio.timeout(limit_s):
                # What the receiver answers beyond its status is not read: it may be endless.
                content = webhook.body.encode()
                async with self._client.stream("POST", webhook.url, content=content, headers=headers) as response:
                    return _judged(response.status_code)
        except BadWebhookUrl as error:
            return _Undelivered(str(error), for_good=True)
        except TimeoutError:
            return _Undelivered(f"no answer within {limit_s:g} s")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return _Undelivered(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)

    async def _note(self, webhook: NewWebhook | StoredWebhook, tries: int, undelivered: _Undelivered | None) -> None:
        """Write down what became of the try number `tries`, and when the next one is."""
        told = log.bind(webhook=webhook.id, event_name=webhook.event, tries=tries)
        now = self._now()
        if undelivered is None:
            await self._store.record(WebhookTried(webhook.id, now, None, None))
            told.info("webhooks.delivered")
            return
        next_try_at: datetime | None = None
        if not undelivered.for_good:
            next_try_at = now + timedelta(seconds=retry_delay_s(tries, self._dice))
            if next_try_at > webhook.created_at + self._max_age:
                next_try_at = None
        await self._store.record(WebhookTried(webhook.id, now, str(undelivered), next_try_at))
        if next_try_at is None:
            told.error("webhooks.given_up", reason=str(undelivered))
        else:
            told.warning("webhooks.undelivered", reason=str(undelivered), next_try_at=next_try_at.isoformat())
            self._wake.set()

    @property
    def _max_age(self) -> timedelta:
        return timedelta(hours=self._settings.max_age_hours)


def _judged(status: int) -> _Undelivered | None:
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return _Undelivered(f"status {status}: redirects are not followed, write the new address")
    return _Undelivered(f"status {status}", for_good=status == _GONE)


async def _set_within(event: asyncio.Event, limit_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_s):
            await event.wait()


def _tell_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("webhooks.died", task=task.get_name(), exc_info=error)
