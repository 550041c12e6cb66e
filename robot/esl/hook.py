"""The dialplan hook: where FreeSWITCH's dialplan brings the calls that come in.

    <action application="socket" data="127.0.0.1:8084 async full"/>

The connection that FreeSWITCH makes announces the channel and holds it; what the call says and hears goes over the
node's ordinary EventSocketClient, which is the one whose FreeSWITCH has this `core_uuid`. The channel is not answered
yet, unless the dialplan did it (`IncomingCall.answered`): see `commands.answer`.

The hook decides nothing about a call. When it lets one go (`release`, too many calls, the robot ends) the dialplan goes
on with the action after `socket`, and without one FreeSWITCH hangs up (NORMAL_CLEARING). The same happens when nobody
listens here. So an administrator's fallback is that next action.

    asyncio thread                          `esl` thread (gevent hub)
    on_call(IncomingCall) ◀── announced ──  a greenlet for each connection
    IncomingCall.gone     ◀── ended     ──
    IncomingCall.release  ── async_() ────▶

gevent's StreamServer accepts, not greenswitch's OutboundESLServer: without monkey-patching the sockets of that one
block the hub; it looks for connections every 100 ms only, ends the process when its port is taken, and keeps who says
nothing for ever.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import gevent
import gevent.event
import gevent.pool
import gevent.server
import gevent.socket
import structlog

from robot.esl.channel_data import ChannelData
from robot.esl.errors import CannotListen
from robot.esl.frames import FrameError
from robot.esl.link import LinkThread
from robot.esl.outbound_session import CallerGone, Session

log = structlog.get_logger(__name__)

# Connections beyond `max_calls`, on their way to being refused (about 20 ms). More are not accepted until one of these
# is gone: they wait in the kernel, their callers hear ringing.
_BEING_REFUSED: Final = 32
# A channel parks within a millisecond or two of `connect`; a FreeSWITCH that takes this long hangs.
_PARK_LIMIT_S: Final = 2.0
# How long `close` waits for the connections to end, and for the thread to say so.
_GOODBYE_S: Final = _PARK_LIMIT_S + 0.5
_CLOSE_LIMIT_S: Final = 5.0

_WRITE_ASYNC: Final = "in FreeSWITCH's dialplan the data of the action `socket` is `HOST:PORT async full`"


@dataclass(frozen=True, slots=True)
class HookSettings:
    """`port` 0 takes any free one. `host`: the protocol knows no password, so listen where FreeSWITCH alone can come.

    max_calls: calls held at the same time; the next one is refused. 100 calls with streams take three quarters of one
    core in FreeSWITCH alone. connect_timeout_s: FreeSWITCH answers `connect` within a millisecond; who says nothing for
    that long is not FreeSWITCH.
    """

    host: str = "127.0.0.1"
    port: int = 8084
    max_calls: int = 100
    connect_timeout_s: float = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class IncomingCall:
    """A call that came in and waits, ringing unless `answered`. For the asyncio thread.

    uuid, core_uuid, caller, dialled, answered and variables: see ChannelData. gone: done when the connection has ended,
    because the call is over, FreeSWITCH is gone, or it was released.
    """

    uuid: str
    core_uuid: str
    caller: str | None = field(repr=False)
    dialled: str = field(repr=False)
    answered: bool
    variables: Mapping[str, str] = field(repr=False)
    gone: asyncio.Future[None] = field(repr=False)
    let_go: Callable[[], None] = field(repr=False)

    def release(self) -> None:
        """Give the call back to the dialplan, which goes on when what plays has ended. May be called twice."""
        self.let_go()


@dataclass(slots=True)
class Counters:
    """What came to a hook since it was started."""

    announced: int = 0
    refused: int = 0  # more than max_calls
    given_up: int = 0  # the caller hung up before the call could be announced
    unusable: int = 0  # not FreeSWITCH, too slow, or not `async`


class Hook:
    """Listens for FreeSWITCH's dialplan. Belongs to the asyncio loop on which it is started.

    `on_call` is called there with each call; it must be quick. One that raises is logged and its call released.
    `thread`: may be shared with EventSocketClients; without it the hook has its own.
    """

    def __init__(
        self, settings: HookSettings, on_call: Callable[[IncomingCall], None], thread: LinkThread | None = None
    ) -> None:
        self.settings = settings
        self.counters = Counters()
        self.port = 0
        self._on_call = on_call
        self._given_thread = thread
        self._thread: LinkThread | None = None
        self._server: _Server | None = None
        self._gone: dict[Session, asyncio.Future[None]] = {}

    @property
    def calls(self) -> int:
        """Calls that are held now."""
        return len(self._gone)

    async def start(self) -> None:
        """Listen until `close`; `port` is where. Raises CannotListen."""
        if self._server is not None:
            raise RuntimeError("the hook is running")
        listener = _listen(self.settings.host, self.settings.port)
        self.port = int(listener.getsockname()[1])
        self._server = _Server(self.settings, listener, self.counters, self._announced, self._ended)
        try:
            self._thread = self._given_thread or LinkThread()
            if self._given_thread is None:
                await self._thread.start()
            self._thread.add(self._server)
        except BaseException:
            listener.close()
            self._server = None
            raise
        log.info("hook.listening", host=self.settings.host, port=self.port)

    async def close(self) -> None:
        """Listen no more and let every call go; their `gone` is done then. Calls that talk should be ended before.

        Raises TimeoutError when that does not end within 5 s.
        """
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.close()
        try:
            async with asyncio.timeout(_CLOSE_LIMIT_S):
                await server.over
        finally:
            if self._given_thread is None:
                await self._thread.close()

    def _announced(self, session: Session, data: ChannelData) -> None:
        server = self._server
        if server is None:
            return  # closed meanwhile: the server lets go of everything by itself
        gone = self._gone[session] = asyncio.get_running_loop().create_future()
        call = IncomingCall(
            data.uuid,
            data.core_uuid,
            data.caller,
            data.dialled,
            data.answered,
            data.variables,
            gone,
            lambda: server.release(session),
        )
        log.info("hook.call", uuid=call.uuid, answered=call.answered)
        try:
            self._on_call(call)
        except Exception:
            log.exception("hook.listener_failed", uuid=call.uuid)
            call.release()

    def _ended(self, session: Session) -> None:
        gone = self._gone.pop(session, None)
        if gone is not None and not gone.done():
            gone.set_result(None)


class _Server:
    """The part that lives in the gevent thread, as a Resident. What it tells goes to the asyncio thread, in order."""

    def __init__(
        self,
        settings: HookSettings,
        listener: socket.socket,
        counters: Counters,
        announced: Callable[[Session, ChannelData], None],
        ended: Callable[[Session], None],
    ) -> None:
        self.label = f"hook {settings.host}:{settings.port}"
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self._settings = settings
        self._listener = listener
        self._counters = counters
        self._announced = announced
        self._ended = ended
        self._to_release: deque[Session] = deque()
        self._closing = False
        self._wake: Any = None
        # What belongs to the gevent thread:
        self._stop: Any = None
        self._held: set[Session] = set()

    # ── on the asyncio thread ─────────────────────────────────────────────────────────────────────────────────────────

    def release(self, session: Session) -> None:
        self._to_release.append(session)
        self._nudge()

    def close(self) -> None:
        self._closing = True
        self._nudge()

    def _nudge(self) -> None:
        if self._wake is not None:
            with suppress(ValueError):  # the thread has ended
                self._wake.send()

    # ── on the gevent thread ──────────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> None:
        self._stop = gevent.event.Event()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._woken)
        # A copy, which the server closes: should this die, it is run again with the same port.
        listener = gevent.socket.socket(fileno=os.dup(self._listener.fileno()))
        connections = gevent.pool.Pool(self._settings.max_calls + _BEING_REFUSED)
        server = gevent.server.StreamServer(listener, self._serve, spawn=connections)
        try:
            server.start()
            if not self._closing:
                self._stop.wait()
        finally:
            server.close()
            for session in self._held:
                session.released.set()
            connections.join(timeout=_GOODBYE_S)
            connections.kill()
            self._wake.stop()
            self._wake.close()
        self._listener.close()
        self._tell(_settle, self.over)

    def thread_died(self) -> None:
        for session in self._held:
            self._tell(self._ended, session)
        self._listener.close()
        self._tell(_settle, self.over)

    def _woken(self) -> None:
        while self._to_release:
            self._to_release.popleft().released.set()
        if self._closing:
            self._stop.set()

    def _serve(self, sock: Any, address: Any) -> None:
        """One connection, from the first byte to the last."""
        session = Session(sock, address)
        try:
            data = session.greet(self._settings.connect_timeout_s)
            if not data.is_async:
                self._counters.unusable += 1
                log.warning("hook.not_async", uuid=data.uuid, advice=_WRITE_ASYNC)
            elif self._may_stay(data):
                self._hold(session, data)
            else:
                session.let_go(_PARK_LIMIT_S)
        except CallerGone as error:
            self._counters.given_up += 1
            log.info("hook.caller_gone", reason=str(error))
        except (OSError, FrameError) as error:  # TimeoutError is an OSError
            self._counters.unusable += 1
            log.warning("hook.unusable_connection", reason=str(error))
        except Exception:
            log.exception("hook.session_died")
        finally:
            session.stop()

    def _may_stay(self, data: ChannelData) -> bool:
        if len(self._held) >= self._settings.max_calls:
            self._counters.refused += 1
            log.warning("hook.too_many_calls", uuid=data.uuid, max_calls=self._settings.max_calls)
            return False
        return not self._closing

    def _hold(self, session: Session, data: ChannelData) -> None:
        self._held.add(session)
        self._counters.announced += 1
        self._tell(self._announced, session, data)
        try:
            session.hold()
            session.let_go(_PARK_LIMIT_S)
        finally:
            self._held.discard(session)
            self._tell(self._ended, session)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function, *arguments)


def _settle(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family)
    except (OSError, UnicodeError, OverflowError) as error:
        raise CannotListen(host, port, getattr(error, "strerror", None) or str(error)) from error
    listener.setblocking(False)
    if not ipaddress.ip_address(address[0]).is_loopback:
        log.warning("hook.open_to_the_network", host=host, advice="let nobody but FreeSWITCH reach this port")
    return listener
