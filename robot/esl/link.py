"""The OS thread in which greenswitch runs: connections to FreeSWITCH that are kept up, bytes out, frames in.

    asyncio thread                        `esl` thread (gevent hub)
    Link.send ── outbox, hub.async_() ──▶ writer greenlet ──▶ socket
    receive() ◀── call_soon_threadsafe ── inbox ◀── reader greenlet ◀── socket

Whatever else has to live on that hub is a Resident of the thread, as a Link is: the dialplan hook's server.

A link's `receive` is called with Up, Down, Failed, Wrote and Frame, in the order in which these happened. Matching
replies to commands, time limits and typed events are the business of `conversation` and `client`.

No monkey-patching: gevent's own sockets are used in this thread, the standard ones everywhere else.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Protocol

import gevent
import gevent.event
import gevent.pool
import structlog

from robot.esl.backoff import Backoff
from robot.esl.connection import Address, Connection
from robot.esl.errors import CannotConnect, EventSocketError, NotAllowed, WrongPassword
from robot.esl.frames import Frame

log = structlog.get_logger(__name__)

# Frames that wait for asyncio. Beyond it the reader waits too: TCP and FreeSWITCH (100,000 events) hold the rest.
_INBOX_LIMIT: Final = 10_000
_INBOX_RETRY_S: Final = 0.01
# Frames handed to asyncio in one go (an event costs about 20 µs): audio frames get their turn in between.
_BATCH: Final = 64
_CLOSE_LIMIT_S: Final = 5.0
# Before a link that died of a defect is tried again.
_CRASH_PAUSE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Up:
    """Connected, let in and subscribed. `connection` counts the connections of this link."""

    connection: int


@dataclass(frozen=True, slots=True)
class Down:
    """The connection ended; everything that was written was told before."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """No connection could be made. It is tried again in `retry_in_s`."""

    error: CannotConnect
    retry_in_s: float


@dataclass(frozen=True, slots=True)
class Wrote:
    """Commands up to ticket `through` are on the wire since `at` (time.monotonic(), asyncio's clock)."""

    through: int
    at: float


@dataclass(frozen=True, slots=True, eq=False)
class Outgoing:
    """A command for one connection: it is not written on any other."""

    connection: int
    ticket: int
    data: bytes


Incoming = Up | Down | Failed | Wrote | Frame


class Resident(Protocol):
    """What lives in a LinkThread. `label` is its name in the log."""

    label: str

    def run(self) -> None:
        """In a greenlet of its own, until `close`. Run again when it dies of an error."""

    def close(self) -> None:
        """Have `run` return soon. Called on the asyncio thread, perhaps before `run` began."""

    def thread_died(self) -> None:
        """The hub ended before `run` had returned. Called on its thread."""


class Link:
    """Keeps one connection to FreeSWITCH up. All methods are for the asyncio thread.

    `receive` is called there with everything that comes, in order.
    """

    def __init__(self, address: Address, receive: Callable[[Incoming], None]) -> None:
        self.address = address
        self.label = f"{address.host}:{address.port}"
        self._receive = receive
        self._loop = asyncio.get_running_loop()
        self._outbox: deque[Outgoing] = deque()
        self._inbox: deque[Incoming] = deque()
        self._draining = False
        self._closing = False
        self._restart_asked = False
        # What belongs to the gevent thread:
        self._wake: Any = None
        self._something_to_do: Any = None
        self._greenlet: Any = None
        self._count = 0
        self._up = False

    @property
    def unread(self) -> int:
        """What came and was not handed over yet."""
        return len(self._inbox)

    def send(self, outgoing: Outgoing) -> None:
        """Put a command in line to be written. Returns at once; `Wrote` tells when it is on the wire."""
        self._outbox.append(outgoing)
        self._nudge()

    def withdraw(self, outgoing: Outgoing) -> bool:
        """Take a command back that is still in line; False when it was or may be written."""
        try:
            self._outbox.remove(outgoing)
        except ValueError:
            return False
        return True

    def restart(self) -> None:
        """Give the connection up, because nothing is heard of it, and make a new one."""
        self._restart_asked = True
        self._nudge()

    def close(self) -> None:
        """End the connection and make no other."""
        self._closing = True
        self._nudge()

    def _nudge(self) -> None:
        wake = self._wake
        if wake is not None:
            with suppress(ValueError):  # the thread has ended and told so
                wake.send()

    # ── on the gevent thread ──────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        """Connect again and again, until `close`."""
        self._greenlet = gevent.getcurrent()
        self._something_to_do = gevent.event.Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._woken)
        backoff = Backoff()
        try:
            while not self._closing:
                connection = Connection(self.address, self._tell)
                try:
                    connection.connect()
                except CannotConnect as error:
                    refused = isinstance(error, WrongPassword | NotAllowed)
                    delay_s = backoff.after_refusal() if refused else backoff.after_failure()
                    self._tell(Failed(error, delay_s))
                else:
                    delay_s = backoff.after_loss(self._serve(connection))
                self._pause(delay_s)
        finally:
            self._wake.stop()
            self._wake.close()

    def thread_died(self) -> None:
        if self._up:
            self._up = False
            self._tell(Down("the event socket's thread died of an error of the robot's own"))

    def _woken(self) -> None:
        if self._closing:
            self._greenlet.kill(block=False)
        else:
            self._something_to_do.set()

    def _serve(self, connection: Connection) -> float:
        """Write what comes until the connection ends; how long that was, in seconds."""
        began = time.monotonic()
        self._restart_asked = False
        self._count += 1
        self._up = True
        self._tell(Up(self._count))
        connection.ended.rawlink(lambda _: self._something_to_do.set())
        reason = "an error of the robot's own"
        try:
            reason = self._write_until_the_end(connection)
        finally:
            connection.stop()
            self._up = False
            self._tell(Down("closed" if self._closing else reason))
        return time.monotonic() - began

    def _write_until_the_end(self, connection: Connection) -> str:
        while True:
            self._something_to_do.wait()
            self._something_to_do.clear()
            if connection.ended.ready():
                return str(connection.ended.value)
            if self._restart_asked:
                return "nothing was heard from FreeSWITCH"
            try:
                self._write(connection)
            except OSError as error:
                return str(error)

    def _write(self, connection: Connection) -> None:
        """Everything that is in line, in one piece."""
        last = None
        pieces = []
        with suppress(IndexError):
            while True:
                outgoing = self._outbox.popleft()
                if outgoing.connection == self._count:  # the others were for a connection that is gone
                    pieces.append(outgoing.data)
                    last = outgoing.ticket
        if last is None:
            return
        try:
            connection.write(b"".join(pieces))
        finally:  # also when it failed: some of it may have arrived
            self._tell(Wrote(last, time.monotonic()))

    def _pause(self, delay_s: float) -> None:
        """Wait before the next connection."""
        gevent.sleep(delay_s)
        self._something_to_do.clear()

    def _tell(self, item: Incoming) -> None:
        while isinstance(item, Frame) and len(self._inbox) >= _INBOX_LIMIT and not self._closing:
            gevent.sleep(_INBOX_RETRY_S)
        self._inbox.append(item)
        if not self._draining:
            self._draining = True
            with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
                self._loop.call_soon_threadsafe(self._drain)

    # ── on the asyncio thread ─────────────────────────────────────────────────────────────────────────────────────────

    def _drain(self) -> None:
        self._draining = False
        for _ in range(_BATCH):
            try:
                item = self._inbox.popleft()
            except IndexError:
                return
            self._receive(item)
        if not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)


class LinkThread:
    """The OS thread whose gevent hub runs every resident. Belongs to the asyncio loop on which it was started."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._new: deque[Resident] = deque()
        self._residents: list[Resident] = []
        self._wake: Any = None
        self._closing = False
        self._ended: asyncio.Future[None] | None = None

    async def start(self) -> None:
        """Returns when the hub runs; raises what kept it from doing so."""
        self._loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = self._loop.create_future()
        self._ended = self._loop.create_future()
        # A daemon thread: a hub that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, args=(ready, self._ended), name="esl", daemon=True)
        self._thread.start()
        try:
            await ready
        except BaseException:
            await self.close()
            raise

    def add(self, resident: Resident) -> None:
        """Begin to run `resident`."""
        if self._ended is None or self._ended.done() or self._closing:
            raise EventSocketError("the event socket thread is not running")
        self._residents.append(resident)
        self._new.append(resident)
        self._wake.send()

    async def close(self) -> None:
        """End every resident and the thread. Raises TimeoutError when it does not end within 5 s."""
        if self._thread is None or self._ended is None:
            return
        self._closing = True
        for resident in tuple(self._residents):  # each takes itself off when it has ended
            resident.close()
        if self._wake is not None:
            with suppress(ValueError):  # it has ended by itself
                self._wake.send()
        async with asyncio.timeout(_CLOSE_LIMIT_S):
            await asyncio.shield(self._ended)
        self._thread.join(_CLOSE_LIMIT_S)  # `_ended` is the thread's last word: a matter of microseconds
        self._thread = None

    def _run(self, ready: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        try:
            self._run_residents(ready)
        except BaseException as error:
            log.exception("event_socket.thread_died")
            self._answer(ready, error)
        finally:
            for resident in self._residents:
                resident.thread_died()
            gevent.get_hub().destroy(destroy_loop=True)
            self._answer(ended)

    def _run_residents(self, ready: asyncio.Future[None]) -> None:
        # Also the one watcher that a hub needs: without any it ends with LoopExit.
        self._wake = gevent.get_hub().loop.async_()
        something_to_do = gevent.event.Event()
        self._wake.start(something_to_do.set)
        self._answer(ready)
        keepers = gevent.pool.Group()
        while not self._closing:
            something_to_do.wait()
            something_to_do.clear()
            while self._new:
                keepers.spawn(self._keep_running, self._new.popleft())
        keepers.join(timeout=_CLOSE_LIMIT_S / 2)

    def _keep_running(self, resident: Resident) -> None:
        while True:
            try:
                resident.run()
            except Exception:
                log.exception("event_socket.resident_died", label=resident.label)
                gevent.sleep(_CRASH_PAUSE_S)
            else:
                self._residents.remove(resident)
                return

    def _answer(self, future: asyncio.Future[None], error: BaseException | None = None) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(_settle, future, error)


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
