"""One connection that FreeSWITCH's dialplan made for a channel: greet it, hold it, let it go. Lives in a gevent hub.

What goes over it is as little as can be: `myevents`, `connect`, and `noevents` once the channel is parked. The call's
commands and events take the ordinary event sockets, where they come all the same. So it needs no `linger` either, which
keeps this connection open for the events after a hangup.

A connection is never closed by us before CHANNEL_PARK, which FreeSWITCH fires after `connect`. Closed earlier, the
channel parks when nobody is left to end that: the caller hears ringing until he gives up (10 of 10 tries without
`connect`, 7 of 10 right after its reply); closed after CHANNEL_PARK the dialplan goes on (25 of 25).
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, Final

import gevent
import gevent.event
import structlog
from greenswitch.esl import NotConnectedError, OutboundSession

from robot.esl.channel_data import ChannelData
from robot.esl.connection import tune
from robot.esl.frames import Event, Frame, FrameError, FrameReader

log = structlog.get_logger(__name__)

_CHUNK_BYTES: Final = 16 * 1024
# Over its whole life a connection brings the channel's data and a few events, about 6 KB each (64 KB with the longest
# variables that a channel can have): who sends more is not FreeSWITCH, or has nothing to say that is read here.
_MOST_BYTES: Final = 512 * 1024


class CallerGone(Exception):
    """The connection ended before the channel's data came: the caller hung up at once, or FreeSWITCH died."""


class Session(OutboundSession):  # type: ignore[misc]
    """greenswitch's session of an outbound socket, with its reading and writing replaced as in `Connection`.

    Of greenswitch remain `connect` and what it keeps. Its applications are not used: they wait without a
    limit, and most of them (`playback`, `say`, `hangup`) stand in line behind what plays.
    """

    def __init__(self, sock: Any, address: Any) -> None:
        self.ended = gevent.event.AsyncResult()  # the reason, as text
        self.parked = gevent.event.Event()
        self.released = gevent.event.Event()
        self._fault: FrameError | None = None
        tune(sock)
        super().__init__(address, sock)

    def greet(self, limit_s: float) -> ChannelData:
        """Ask for the channel's data.

        Raises CallerGone, TimeoutError, or FrameError for a peer that is not FreeSWITCH.
        """
        try:
            self._greet(limit_s)
        except (NotConnectedError, ConnectionError) as error:
            raise self._fault or CallerGone(str(error)) from error
        return ChannelData.read(self.session_data)

    def _greet(self, limit_s: float) -> None:
        with gevent.Timeout(limit_s, TimeoutError(f"no answer to `connect` within {limit_s:g} s")):
            # Before `connect`, or CHANNEL_PARK may be over. FreeSWITCH obeys the first command on an outbound socket
            # and never answers it (measured), unless it is `connect`.
            self.write("myevents")
            self.connect()

    def hold(self) -> None:
        """Return when the connection ended or is to be let go."""
        gevent.wait([self.parked, self.released, self.ended], count=1)
        if self.parked.is_set():
            with suppress(OSError):  # the connection has ended, as the reader tells
                self.write("noevents")
            gevent.wait([self.released, self.ended], count=1)

    def let_go(self, limit_s: float) -> None:
        """Close, and have the dialplan go on: see the head of this file. Raises TimeoutError when it never parks."""
        with gevent.Timeout(limit_s, TimeoutError(f"the channel did not park within {limit_s:g} s")):
            gevent.wait([self.parked, self.ended], count=1)
        self.stop()

    def start_event_handlers(self) -> None:
        # greenswitch's second greenlet hands events to handlers, of which there are none.
        self._receive_events_greenlet = gevent.spawn(self.receive_events)

    def receive_events(self) -> None:
        reader = FrameReader()
        reason = "FreeSWITCH closed the connection"
        left = _MOST_BYTES
        try:
            while chunk := self.sock.recv(_CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise FrameError(f"more than {_MOST_BYTES} bytes on one outbound socket")
                for frame in reader.feed(chunk):
                    self.handle_event(frame)
            reader.end()
        except OSError as error:
            reason = str(error)
        except FrameError as error:
            self._fault = error
            reason = str(error)
        except Exception:
            log.exception("hook.reader_died")
            reason = "the reader died of an error of the robot's own"
        finally:
            self._end(reason)

    def handle_event(self, frame: Frame) -> None:
        match frame.content_type:
            case "command/reply" if self._commands_sent and frame.headers.get("Event-Name") == "CHANNEL_DATA":
                self._commands_sent.pop(0).set(frame)
            case "text/event-plain" if Event(frame.body).name == "CHANNEL_PARK":
                self.parked.set()
            case _:
                pass  # other replies and events; the notice that the channel hung up, after which the connection ends

    def send(self, data: str) -> Frame:
        """`connect`, for greenswitch, and its reply. Raises NotConnectedError when the connection ends first."""
        reply = gevent.event.AsyncResult()
        if self.ended.ready():
            raise NotConnectedError(self.ended.value)
        self._commands_sent.append(reply)
        self.write(data)
        frame = reply.get()
        assert isinstance(frame, Frame)
        return frame

    def write(self, data: str) -> None:
        # Not limited in time here: a few bytes always fit into the kernel's buffer.
        self.sock.sendall(f"{data}\n\n".encode())

    def stop(self) -> None:
        """Close the socket at once, and wait for the reader to end."""
        self._end("closed")
        self._receive_events_greenlet.kill()
        self.sock_file.close()
        self.sock.close()

    def _end(self, reason: str) -> None:
        self.connected = False
        if not self.ended.ready():
            self.ended.set(reason)
        while self._commands_sent:
            self._commands_sent.pop().set_exception(NotConnectedError(self.ended.value))
