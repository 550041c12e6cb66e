"""One TCP connection to FreeSWITCH with greenswitch: log in, subscribe, read, write. Lives in a gevent hub.

What it reads is cut into frames by `robot.esl.frames`; making a connection again is `robot.esl.link`'s business.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import gevent
import gevent.event
import gevent.socket
import structlog
from greenswitch.esl import InboundESL, NotConnectedError

from robot.esl.errors import CannotConnect, NotAllowed, WrongPassword
from robot.esl.frames import Frame, FrameError, FrameReader

log = structlog.get_logger(__name__)

_CHUNK_BYTES: Final = 64 * 1024
# FreeSWITCH reads its event sockets all the time: one that takes no byte for that long is gone.
_WRITE_LIMIT_S: Final = 5.0
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
                tune(self.sock)
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


def tune(sock: Any) -> None:
    """Small commands leave at once, and a peer that is gone without a goodbye is found out."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE:
        if hasattr(socket, name):  # macOS spells TCP_KEEPIDLE otherwise
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
