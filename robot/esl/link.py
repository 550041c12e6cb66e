"""greenswitch in an OS thread of its own: connections to FreeSWITCH that are kept up, bytes out, frames in.

    asyncio thread                        `esl` thread (gevent hub)
    Link.send ── outbox, hub.async_() ──▶ writer greenlet ──▶ socket
    receive() ◀── call_soon_threadsafe ── inbox ◀── reader greenlet ◀── socket

A link's `receive` is called with Up, Down, Failed, Wrote and Frame, in the order in which these happened. Matching
replies to commands, time limits and typed events are the business of `conversation` and `client`.

No monkey-patching: gevent's own sockets are used in this thread, the standard ones everywhere else.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import gevent
import gevent.event
import gevent.socket
import structlog
from greenswitch.esl import InboundESL, NotConnectedError

from robot.esl.backoff import Backoff
from robot.esl.errors import CannotConnect, EventSocketError, NotAllowed, WrongPassword
from robot.esl.frames import Frame, FrameError, FrameReader

log = structlog.get_logger(__name__)

_CHUNK_BYTES: Final = 64 * 1024
# FreeSWITCH reads its event sockets all the time: one that takes no byte for that long is gone.
_WRITE_LIMIT_S: Final = 5.0
# Frames that wait for asyncio. Beyond it the reader waits too: TCP and FreeSWITCH (100,000 events) hold the rest.
_INBOX_LIMIT: Final = 10_000
_INBOX_RETRY_S: Final = 0.01
# Frames handed to asyncio in one go (an event costs about 15 µs): audio frames get their turn in between.
_BATCH: Final = 64
_CLOSE_LIMIT_S: Final = 5.0
# Before a link that died of a defect is tried again.
_CRASH_PAUSE_S: Final = 1.0
# Dead peers that never say goodbye (a pulled cable): found by the kernel after 15 + 3 * 5 s of silence.
_KEEPALIVE: Final = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))


@dataclass(frozen=True, slots=True)
class Address:
    """Where FreeSWITCH's event socket is. `subscription` is sent after the password, once for each connection."""

    host: str
    port: int
    password: str
    connect_timeout_s: float
    subscription: str | None = None

    def __repr__(self) -> str:
        return f"<Address {self.host}:{self.port}>"


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


class Connection(InboundESL):  # type: ignore[misc]
    """One TCP connection: greenswitch's life cycle and authentication, with its reading and writing replaced.

    Replaced because greenswitch 0.0.19 reads bodies of events as if they were headers, decodes before it splits lines,
    spins on EOF inside a body, sends without a limit and waits for ever when the connection drops.
    """

    def __init__(self, address: Address, on_frame: Callable[[Frame], None]) -> None:
        super().__init__(address.host, address.port, address.password, timeout=address.connect_timeout_s)
        self.ended = gevent.event.AsyncResult()  # the reason, as text
        self._address = address
        self._on_frame = on_frame
        self._not_allowed = False
        self._logged_in = False

    def connect(self) -> None:
        """Connect, log in, subscribe. Raises CannotConnect; the connection is closed then."""
        address = self._address
        try:
            with gevent.Timeout(self.timeout, TimeoutError(f"no answer within {self.timeout:g} s")):
                self.sock = gevent.socket.create_connection((self.host, self.port))
                _tune(self.sock)
                self.connected = True
                self.start_event_handlers()
                self._auth_request_event.wait()
                if self._not_allowed:
                    raise NotAllowed(address.host, address.port)
                self.authenticate()
                if address.subscription is not None:
                    reply = self.send(address.subscription).reply
                    if not reply.startswith("+OK"):
                        raise CannotConnect(address.host, address.port, f"it refused the subscription: {reply}")
                self._logged_in = True
        except (OSError, ValueError, NotConnectedError) as error:
            raise self._explained(error) from error
        finally:
            if not self._logged_in:
                self.stop()

    def start_event_handlers(self) -> None:
        # greenswitch's second greenlet hands events to handlers; here they go to asyncio.
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        """Read until the connection ends, and say why it did."""
        reader = FrameReader()
        reason = "FreeSWITCH closed the connection"
        try:
            while chunk := self.sock.recv(_CHUNK_BYTES):
                for frame in reader.feed(chunk):
                    self.handle_event(frame)
            reader.end()
        except (OSError, FrameError) as error:
            reason = str(error)
        except Exception:
            log.exception("event_socket.reader_died", host=self.host, port=self.port)
            reason = "the reader died of an error of the robot's own"
        finally:
            self._end(reason)

    def handle_event(self, frame: Frame) -> None:
        """greenswitch's own part is the way to the login; whatever follows is asyncio's."""
        match frame.content_type:
            case "auth/request":
                self._auth_request_event.set()
            case "text/rude-rejection":
                self._not_allowed = True
                self._auth_request_event.set()
            case "text/disconnect-notice":
                log.info("event_socket.goodbye", host=self.host, port=self.port)
            case "command/reply" if self._commands_sent:
                self._commands_sent.pop(0).set(frame)
            case _:
                self._on_frame(frame)

    def send(self, data: str) -> Frame:
        """One command of the login and its reply. Raises NotConnectedError when the connection ends first."""
        if not self.connected:
            raise NotConnectedError(self.ended.value)
        reply = gevent.event.AsyncResult()
        self._commands_sent.append(reply)
        self.write(f"{data}\n\n".encode())
        frame = reply.get()
        assert isinstance(frame, Frame)
        return frame

    def write(self, data: bytes) -> None:
        """All of `data`, in order; raises OSError or TimeoutError when FreeSWITCH does not take it."""
        with gevent.Timeout(_WRITE_LIMIT_S, TimeoutError(f"FreeSWITCH took no bytes for {_WRITE_LIMIT_S:g} s")):
            self.sock.sendall(data)

    def stop(self) -> None:
        """Close the socket and wait for the reader to end. FreeSWITCH needs no `exit` for it."""
        self._end("closed")
        if self._receive_events_greenlet is not None:
            self._receive_events_greenlet.kill()
        if isinstance(getattr(self, "sock", None), gevent.socket.socket):
            self.sock.close()

    def _end(self, reason: str) -> None:
        self.connected = False
        if not self.ended.ready():
            self.ended.set(reason)
        self._auth_request_event.set()
        while self._commands_sent:
            self._commands_sent.pop().set_exception(NotConnectedError(self.ended.value))

    def _explained(self, error: Exception) -> CannotConnect:
        host, port = self.host, self.port
        match error:
            case UnicodeError():  # a ValueError, too
                return CannotConnect(host, port, "this is no name of a host")
            case ValueError():  # how greenswitch's authenticate says it
                return WrongPassword(host, port)
            case NotConnectedError():
                return CannotConnect(host, port, f"the connection ended during the login ({error})")
            case OSError(strerror=str(why)):
                return CannotConnect(host, port, why)
            case _:
                return CannotConnect(host, port, str(error))


def _tune(sock: Any) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # macOS spells TCP_KEEPIDLE otherwise
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


class Link:
    """Keeps one connection to FreeSWITCH up. All methods are for the asyncio thread.

    `receive` is called there with everything that comes, in order.
    """

    def __init__(self, address: Address, receive: Callable[[Incoming], None]) -> None:
        self.address = address
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
    """The OS thread whose gevent hub runs every link. Belongs to the asyncio loop on which it was started."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._new: deque[Link] = deque()
        self._links: list[Link] = []
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

    def add(self, link: Link) -> None:
        """Begin to keep `link` up."""
        if self._ended is None or self._ended.done() or self._closing:
            raise EventSocketError("the event socket thread is not running")
        self._links.append(link)
        self._new.append(link)
        self._wake.send()

    async def close(self) -> None:
        """End every link and the thread. Raises TimeoutError when it does not end within 5 s."""
        if self._thread is None or self._ended is None:
            return
        self._closing = True
        for link in self._links:
            link.close()
        if self._wake is not None:
            with suppress(ValueError):  # it has ended by itself
                self._wake.send()
        async with asyncio.timeout(_CLOSE_LIMIT_S):
            await asyncio.shield(self._ended)
        self._thread.join(_CLOSE_LIMIT_S)  # `_ended` is the thread's last word: a matter of microseconds
        self._thread = None

    def _run(self, ready: asyncio.Future[None], ended: asyncio.Future[None]) -> None:
        try:
            self._keep_links_up(ready)
        except BaseException as error:
            log.exception("event_socket.thread_died")
            self._answer(ready, error)
        finally:
            for link in self._links:
                link.thread_died()
            gevent.get_hub().destroy(destroy_loop=True)
            self._answer(ended)

    def _keep_links_up(self, ready: asyncio.Future[None]) -> None:
        # Also the one watcher that a hub needs: without any it ends with LoopExit.
        self._wake = gevent.get_hub().loop.async_()
        something_to_do = gevent.event.Event()
        self._wake.start(something_to_do.set)
        self._answer(ready)
        keepers = []
        while not self._closing:
            something_to_do.wait()
            something_to_do.clear()
            while self._new:
                keepers.append(gevent.spawn(self._keep_up, self._new.popleft()))
        gevent.joinall(keepers, timeout=_CLOSE_LIMIT_S / 2)

    def _keep_up(self, link: Link) -> None:
        while True:
            try:
                link.run()
            except Exception:
                log.exception("event_socket.link_died", host=link.address.host, port=link.address.port)
                gevent.sleep(_CRASH_PAUSE_S)
            else:
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
