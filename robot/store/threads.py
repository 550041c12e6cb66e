"""The way from the loop into the database's threads, with limits and repeats; what goes that way is in `store`.

The loop never waits for a disk. Waits are limited and so is the number of operations that wait; what is certain to be
safe to repeat is repeated while the database is locked or away.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Final, Protocol, TypeVar

import structlog
from sqlalchemy.orm import Session

from robot.store.database import Database
from robot.store.errors import DatabaseTimeout, DatabaseUnavailable, StoreClosed, StoreOverloaded

log = structlog.get_logger(__name__)

LIMIT_S: Final = 15.0  # of one operation, waiting and repeats included
CLOSE_LIMIT_S: Final = 10.0
MAX_WAITING: Final = 2000  # FreeSWITCH's default of 1000 sessions, twice: a call has one operation at a time
_FIRST_PAUSE_S: Final = 0.05
_LONGEST_PAUSE_S: Final = 2.0

T = TypeVar("T")
# What is done in a transaction; `repeated` tells it that an earlier one may have been committed without our knowing.
_Work = Callable[[Session, bool], T]


class StoreWatcher(Protocol):
    """Told, on the loop's thread, of each operation that has ended. Must be quick and must not raise."""

    def operation_ended(self, name: str, took_s: float, error: BaseException | None) -> None:
        """took_s: waiting for a thread and repeats included."""


class _Unwatched:
    def operation_ended(self, name: str, took_s: float, error: BaseException | None) -> None:
        pass


UNWATCHED: Final[StoreWatcher] = _Unwatched()


class StoreThreads:
    def __init__(
        self,
        database: Database,
        *,
        limit_s: float = LIMIT_S,
        max_waiting: int = MAX_WAITING,
        watcher: StoreWatcher = UNWATCHED,
    ) -> None:
        self._database = database
        self._watcher = watcher
        self._limit_s = limit_s
        self._max_waiting = max_waiting
        self._threads = ThreadPoolExecutor(database.connections, thread_name_prefix="store")
        self._in_flight: set[asyncio.Future[Any]] = set()
        self._closed = False
        self._give_up = threading.Event()

    @property
    def waiting(self) -> int:
        """Operations that have not ended."""
        return len(self._in_flight)

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Finish what was begun, at most for `limit_s`; then close the database. Again: nothing."""
        if self._closed:
            return
        self._closed = True
        if self._in_flight:
            _, late = await asyncio.wait(self._in_flight, timeout=limit_s)
            if late:
                log.error("store.closed_with_unwritten_operations", count=len(late))
        self._give_up.set()
        self._threads.shutdown(wait=False, cancel_futures=True)
        await asyncio.to_thread(self._database.close)

    async def _write(self, name: str, work: _Work[T], *, even_late: bool = True) -> T:
        """even_late: still write it when nobody waits for it any more, rather than lose what happened."""
        return await self._run(name, work, writes=True, even_late=even_late)

    async def _read(self, name: str, work: _Work[T]) -> T:
        return await self._run(name, work, writes=False, even_late=False)

    async def _run(self, name: str, work: _Work[T], *, writes: bool, even_late: bool) -> T:
        began_at = time.monotonic()
        error: BaseException | None = None
        try:
            return await self._in_thread(name, work, writes=writes, even_late=even_late)
        except BaseException as raised:
            error = raised
            raise
        finally:
            self._watcher.operation_ended(name, time.monotonic() - began_at, error)

    async def _in_thread(self, name: str, work: _Work[T], *, writes: bool, even_late: bool) -> T:
        if self._closed:
            raise StoreClosed(f"{name}: the store is closed")
        if len(self._in_flight) >= self._max_waiting:
            raise StoreOverloaded(
                f"{len(self._in_flight)} operations wait for {self._database.masked_url}: is its disk slow?"
            )
        in_thread = partial(
            self._repeat, work, time.monotonic() + self._limit_s, writes=writes, drop_when_late=writes and not even_late
        )
        future = asyncio.get_running_loop().run_in_executor(self._threads, in_thread)
        self._in_flight.add(future)
        future.add_done_callback(self._in_flight.discard)
        try:
            async with asyncio.timeout(self._limit_s) as limit:
                # Cancelling takes what has not begun out of the queue: right for what nobody wants any more.
                return await (asyncio.shield(future) if even_late else future)
        except TimeoutError:
            if not limit.expired():
                raise
            raise DatabaseTimeout(
                f"{name}: {self._database.masked_url} did not answer within {self._limit_s:g} s: is it locked, is its "
                "disk or the network slow?",
                transient=True,
            ) from None
        finally:
            if not future.done():
                future.add_done_callback(partial(_tell_late_failure, name))

    def _repeat(self, work: _Work[T], deadline: float, *, writes: bool, drop_when_late: bool) -> T:
        """In a thread: the transaction, again after errors that pass, until `deadline` (time.monotonic)."""
        pause_s = _FIRST_PAUSE_S
        repeated = False
        while True:
            try:
                with self._database.write() if writes else self._database.read() as session:
                    result = work(session, repeated)
                    if drop_when_late and time.monotonic() > deadline:
                        raise DatabaseTimeout("too late: nobody waits for it any more")
                return result
            except DatabaseUnavailable as error:
                # Jitter, so that daemons that were waiting for the same database do not all come back at once.
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S) * random.uniform(0.7, 1.0)  # noqa: S311 - not a secret
                if not error.transient or time.monotonic() + pause_s > deadline or self._give_up.wait(pause_s):
                    raise
                log.warning("store.repeated", reason=type(error.__cause__).__name__)
                repeated = True


def _tell_late_failure(name: str, future: asyncio.Future[Any]) -> None:
    """Nobody waits for this operation any more: what became of it must not pass in silence."""
    if not future.cancelled() and (error := future.exception()) is not None:
        log.error("store.late_operation_failed", operation=name, error=type(error).__name__, reason=str(error))
