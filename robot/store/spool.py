"""What happened goes into the database in its order, now or when that is back; nobody waits for it meanwhile.

    put ──▶ a lane (facts of one thing: one lane) ──▶ one transaction for all that wait in it ──▶ database
                └─ not taken within a second, or the database is away ──▶ journal, a file on this machine

The journal is read at the next start if this process does not live to empty it. It holds no more than what live calls
say: without a database none is begun.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import partial
from itertools import islice
from typing import Final, TypeVar

import structlog

from robot.store.errors import DatabaseUnavailable, SchemaNewer, SchemaOutdated, StoreClosed
from robot.store.facts import Fact, Finished, Progress, from_json, has_outcome, opts_out, to_json
from robot.store.journal import Journal, Left

log = structlog.get_logger(__name__)

_JOURNAL_AFTER_S: Final = 1.0  # a commit takes some ms
_PAUSE_S: Final = 1.0  # between tries; each of them tries for 15 s by itself while the database is locked or away
_JOURNAL_PAUSE_S: Final = 5.0
_IN_ONE_TRANSACTION: Final = 100
_AWAY: Final = (DatabaseUnavailable, SchemaOutdated, SchemaNewer, StoreClosed)

Write = Callable[[Sequence[Fact]], Awaitable[None]]
T = TypeVar("T")


class Kept(Enum):
    """Where a fact is safe."""

    WRITTEN = auto()  # in the database
    JOURNALED = auto()  # on the disk of this machine
    IN_MEMORY = auto()  # nowhere yet: the journal cannot be written, either
    SET_ASIDE = auto()  # in a file for people: the database refuses it


@dataclass(slots=True, eq=False)
class _Waiting:
    """A fact that is not in the database yet. left: it lies in the journal of a process that died."""

    fact: Fact
    kept: asyncio.Future[Kept]
    left: bool
    timer: asyncio.TimerHandle | None = None
    journaled: bool = False  # as it is now, or is about to be
    gone: bool = False  # written, or set aside


@dataclass(slots=True, eq=False)
class _Lane:
    waiting: deque[_Waiting] = field(default_factory=deque)
    filled: asyncio.Event = field(default_factory=asyncio.Event)


class Spool:
    """Of one loop, in which `put` starts what it needs. journal: None: what waits is in memory alone."""

    def __init__(
        self,
        write: Write,
        lanes: int,
        journal: Journal | None,
        *,
        patience_s: float = _JOURNAL_AFTER_S,
        pause_s: float = _PAUSE_S,
    ) -> None:
        self._write = write
        self._patience_s = patience_s
        self._pause_s = pause_s
        self._journal = journal
        self._lanes = [_Lane() for _ in range(lanes)]
        self._tasks: list[asyncio.Task[None]] = []
        self._replaying: set[asyncio.Task[None]] = set()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="journal")
        self._to_journal: list[_Waiting] = []
        self._in_journal: set[_Waiting] = set()  # perhaps not as they are now
        self._journal_wanted = asyncio.Event()
        self._journal_used = self._journal_broken = False
        self._empty = asyncio.Event()
        self._empty.set()
        self._count = 0
        self._progress: dict[str, _Waiting] = {}  # that nobody is writing at the moment
        self._outcomes: set[str] = set()
        self._opted_out: set[str] = set()
        self._closed = False
        self.away = False  # the database does not take what happens

    @property
    def waiting(self) -> int:
        """Facts that are not in the database."""
        return self._count

    def opted_out(self, number: str) -> bool:
        """Whether it must not be called, for a reason that the database does not know yet."""
        return number in self._opted_out

    @property
    def outcomes(self) -> frozenset[str]:
        """The attempts that have one which the database does not know yet."""
        return frozenset(self._outcomes)

    def put(self, fact: Fact) -> asyncio.Future[Kept]:
        """Have it written. The future, which may be ignored, is done when it is safe, and soon. Raises StoreClosed."""
        return self._put(fact, left=False)

    async def recover(self, within_s: float) -> int:
        """Write what processes that died have left in their journals; how many facts that were.

        Those that are not written within that time are written later.
        """
        if self._journal is None:
            return 0
        try:
            files = await self._in_thread(self._journal.left_behind)
        except OSError as error:
            log.error("journal.not_read", folder=str(self._journal.folder), reason=str(error))
            return 0
        count = 0
        writing: set[asyncio.Task[None]] = set()
        for file in files:
            facts = [await self._read(line) for line in file.lines]
            futures = [self._put(fact, left=True) for fact in facts if fact is not None]
            count += len(futures)
            log.warning("journal.replayed", file=file.path.name, facts=len(futures), torn_bytes=file.torn)
            writing.add(self._start(self._remove(file, futures), f"journal {file.path.name}"))
        self._replaying |= writing
        if writing:
            await asyncio.wait(writing, timeout=within_s)
        return count

    async def drain(self, within_s: float) -> int:
        """Wait until all is written; how many facts are not after that time."""
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            if self._count:
                log.warning("store.not_all_written", facts=self._count)
        return self._count

    async def close(self, within_s: float) -> None:
        """`drain`; what is left is for the next process. Again: nothing."""
        if self._closed:
            return
        self._closed = True
        if await self.drain(within_s) == 0 and self._replaying:
            await asyncio.wait(self._replaying)  # until the files are removed, too
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._in_thread(self._close_journal)
        self._thread.shutdown(wait=False)

    # -- into the lanes ------------------------------------------------------------------------------------------------

    def _put(self, fact: Fact, *, left: bool) -> asyncio.Future[Kept]:
        if self._closed:
            raise StoreClosed("the store is closed")
        loop = asyncio.get_running_loop()
        if not self._tasks:
            self._begin()
        if isinstance(fact, Progress) and (before := self._progress.get(fact.uuid)) is not None:
            before.fact = fact
            if before.journaled:
                before.journaled = False
                self._want_journaled(before)
            return before.kept
        waiting = _Waiting(fact, loop.create_future(), left)
        lane = self._lanes[zlib.crc32(fact.of.encode()) % len(self._lanes)]
        lane.waiting.append(waiting)
        lane.filled.set()
        self._count += 1
        self._empty.clear()
        if isinstance(fact, Progress):
            self._progress[fact.uuid] = waiting
        if has_outcome(fact):
            self._outcomes.add(fact.of)
        if (number := opts_out(fact)) is not None:
            self._opted_out.add(number)
        if self.away:
            self._want_journaled(waiting)
        else:
            waiting.timer = loop.call_later(self._patience_s, self._late, waiting)
        return waiting.kept

    def _begin(self) -> None:
        for number, lane in enumerate(self._lanes, 1):
            self._start(self._work(lane), f"spool {number}")
        self._start(self._keep_journal(), "journal")

    def _start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(_tell_death)
        self._tasks.append(task)
        return task

    def _late(self, waiting: _Waiting) -> None:
        self._is_away("it takes longer than it may")
        self._want_journaled(waiting)

    def _is_away(self, reason: str) -> None:
        if self.away:
            return
        self.away = True
        log.error("store.away", reason=reason, journal=self._journal is not None)
        for lane in self._lanes:
            for waiting in lane.waiting:
                self._want_journaled(waiting)

    # -- into the database ---------------------------------------------------------------------------------------------

    async def _work(self, lane: _Lane) -> None:
        at_once = _IN_ONE_TRANSACTION
        while True:
            await lane.filled.wait()
            batch = list(islice(lane.waiting, at_once))
            for waiting in batch:
                if self._progress.get(waiting.fact.of) is waiting:
                    del self._progress[waiting.fact.of]
            try:
                await self._write([waiting.fact for waiting in batch])
            except _AWAY as error:
                self._is_away(str(error))
                await asyncio.sleep(self._pause_s)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with one fact must not hold up those after it
                self._is_back()  # to say no
                if len(batch) > 1:
                    at_once = 1  # which of them is it?
                else:
                    await self._set_aside(lane, batch[0], error)
            else:
                at_once = _IN_ONE_TRANSACTION
                for waiting in batch:
                    lane.waiting.popleft()
                    self._gone(waiting, Kept.WRITTEN)
                self._is_back()
            if not lane.waiting:
                lane.filled.clear()

    def _gone(self, waiting: _Waiting, kept: Kept) -> None:
        waiting.gone = True
        if waiting.timer is not None:
            waiting.timer.cancel()
        self._tell(waiting, kept)
        self._count -= 1
        if self._count == 0:
            self._empty.set()
        if has_outcome(waiting.fact):
            self._outcomes.discard(waiting.fact.of)
        if kept is Kept.WRITTEN and (number := opts_out(waiting.fact)) is not None:
            self._opted_out.discard(number)
        self._in_journal.discard(waiting)
        if self._journal_used and not self._in_journal:
            self._journal_wanted.set()

    def _is_back(self) -> None:
        if self.away:
            self.away = False
            log.warning("store.back", facts_waiting=self._count)

    async def _set_aside(self, lane: _Lane, waiting: _Waiting, error: Exception) -> None:
        """The database refuses it, and will. Not the message: it may hold what callees said."""
        fact = waiting.fact
        log.error("store.fact_refused", kind=fact.kind, of=fact.of, error=type(error).__name__)
        await self._refuse(_line(fact))
        if isinstance(fact, Finished) and fact != fact.bare:
            waiting.fact = fact.bare
            return
        lane.waiting.popleft()
        self._gone(waiting, Kept.SET_ASIDE)

    # -- into the journal ----------------------------------------------------------------------------------------------

    def _want_journaled(self, waiting: _Waiting) -> None:
        if waiting.gone or waiting.left or waiting.journaled:
            return
        waiting.journaled = True
        self._to_journal.append(waiting)
        if self._journal is None or self._journal_broken:
            self._tell(waiting, Kept.IN_MEMORY)
        self._journal_wanted.set()

    async def _keep_journal(self) -> None:
        journal = self._journal
        if journal is None:
            return
        while True:
            await self._journal_wanted.wait()
            self._journal_wanted.clear()
            due, self._to_journal = [each for each in self._to_journal if not each.gone], []
            try:
                if due:
                    await self._in_thread(partial(journal.append, [_line(each.fact) for each in due]))
                    self._journal_used, self._journal_broken = True, False
                    self._in_journal.update(each for each in due if not each.gone)
                    for each in due:
                        self._tell(each, Kept.JOURNALED)
                if self._journal_used and not self._in_journal and not self._to_journal:
                    self._journal_used = False
                    await self._in_thread(journal.clear)
            except OSError as error:
                if not self._journal_broken:
                    log.critical(
                        "journal.not_written", folder=str(journal.folder), reason=error.strerror or str(error),
                        advice="make room there, or set `database.spool`: what happens now is in memory alone",
                    )  # fmt: skip
                self._journal_broken = True
                self._to_journal[:0] = due
                for each in self._to_journal:
                    self._tell(each, Kept.IN_MEMORY)
                await asyncio.sleep(_JOURNAL_PAUSE_S)
                self._journal_wanted.set()

    def _tell(self, waiting: _Waiting, kept: Kept) -> None:
        if not waiting.left or waiting.gone:
            _resolve(waiting.kept, kept)

    async def _read(self, line: bytes) -> Fact | None:
        try:
            return from_json(line)
        except ValueError as error:
            log.error("journal.line_refused", reason=str(error))
            await self._refuse(line)
            return None

    async def _refuse(self, line: bytes) -> None:
        if self._journal is None:
            return
        try:
            await self._in_thread(partial(self._journal.refuse, line))
        except OSError as error:
            log.error("journal.not_written", folder=str(self._journal.folder), reason=str(error))

    async def _remove(self, file: Left, futures: Sequence[asyncio.Future[Kept]]) -> None:
        """When all that is in it is written."""
        try:
            if futures:
                await asyncio.wait(futures)
            await self._in_thread(file.done)
        except OSError as error:
            log.error("journal.not_removed", file=str(file.path), reason=str(error))
        finally:
            file.let_go()

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _close_journal(self) -> None:
        """The last chance of what is in memory alone."""
        due = {waiting for waiting in self._to_journal if not waiting.gone}  # as it is now; or not at all
        unsafe = [
            waiting
            for lane in self._lanes
            for waiting in lane.waiting
            if waiting in due or (waiting not in self._in_journal and not waiting.left)
        ]
        try:
            if self._journal is None:
                if unsafe:
                    log.critical("store.facts_lost", facts=len(unsafe))
                return
            if unsafe:
                self._journal.append([_line(waiting.fact) for waiting in unsafe])
            if self._count == 0:
                self._journal.clear()
            self._journal.close()
        except OSError as error:
            log.critical("store.facts_lost", facts=len(unsafe), reason=error.strerror or str(error))


def _line(fact: Fact) -> bytes:
    try:
        return to_json(fact)
    except ValueError:  # text that is no Unicode: its outcome is worth more than its words
        return to_json(fact.bare) if isinstance(fact, Finished) else f'{{"kind":"{fact.kind}"}}'.encode()


def _resolve(future: asyncio.Future[Kept], kept: Kept) -> None:
    if not future.done():
        future.set_result(kept)


def _tell_death(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("store.spool_died", task=task.get_name(), exc_info=error)
