"""The WebSocket server that FreeSWITCH's mod_audio_stream connects to: routes, who may connect, limits.

A call announces its stream with `expect` and gets a ticket: the path and a token that opens it once. What a connection
must bring is decided before it is upgraded, so an uninvited one is answered with an HTTP status and never heard:

    404 the path, or the stream of that path, is not expected      401 no token, or a wrong one
    403 the token was used already                                 503 as many streams as allowed are open

Connections for paths below /ws bring their own audio: whom to let in, and what is said, is known by `visits`.

Keepalive pings are off: a stream sends audio 50 times a second, so its silence (AudioStalled) tells more and sooner.
Compression is off: speech as L16 does not shrink, and mod_audio_stream does not offer it.
"""

from __future__ import annotations

import asyncio
import errno
import hmac
import logging
import re
import secrets
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlsplit
from weakref import WeakSet

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import Event, State

from ws_audio.delays import Delays
from ws_audio.errors import PortInUse, ServerNotStarted
from ws_audio.stream import DetectorFactory, Listener, Stream, StreamOptions
from ws_audio.transcription.scheduler import TranscriptionScheduler
from ws_audio.transcription.streaming import StreamingRecogniser
from ws_audio.vad import WebRtcVad

logger = logging.getLogger(__name__)

STREAM_PATH: Final = "/stream/"
#: Of connections that nobody has announced.
VISIT_PATH: Final = "/ws"
#: Of their messages: larger ones end the connection, smaller ones that are still too large may be complained about.
MAX_VISIT_MESSAGE_BYTES: Final = 1024 * 1024
#: Of the frames in which a text is sent.
MAX_FRAGMENT_BYTES: Final = 8000
#: What may wait for a client that does not read: several prompts of half a minute.
MAX_UNSENT_BYTES: Final = 8 * 1024 * 1024
_STREAM_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")  # a channel's uuid


@dataclass(frozen=True, slots=True)
class AudioServerSettings:
    """Where to listen, and the limits. Port 0 takes a free one."""

    host: str = "127.0.0.1"
    port: int = 8080
    max_streams: int = 1000  # what FreeSWITCH has of sessions by default
    max_message_bytes: int = 64 * 1024  # 1 s of stereo at 16 kHz; mod_audio_stream sends 20 to 100 ms
    open_timeout_s: float = 5.0  # for the request; mod_audio_stream gives up after 1 s
    close_timeout_s: float = 1.0  # for a client that does not answer a close


class Refusal(Enum):
    """Why a connection was not let in."""

    UNKNOWN_PATH = "unknown path"
    UNKNOWN_STREAM = "unknown stream"
    NO_TICKET = "no token"
    WRONG_TICKET = "wrong token"
    USED_TICKET = "used token"
    TOO_MANY_STREAMS = "too many streams"
    STRANGER = "from elsewhere"


_STATUS: Final = {
    Refusal.UNKNOWN_PATH: HTTPStatus.NOT_FOUND,
    Refusal.UNKNOWN_STREAM: HTTPStatus.NOT_FOUND,
    Refusal.NO_TICKET: HTTPStatus.UNAUTHORIZED,
    Refusal.WRONG_TICKET: HTTPStatus.UNAUTHORIZED,
    Refusal.USED_TICKET: HTTPStatus.FORBIDDEN,
    Refusal.TOO_MANY_STREAMS: HTTPStatus.SERVICE_UNAVAILABLE,
    Refusal.STRANGER: HTTPStatus.FORBIDDEN,
}


@dataclass(frozen=True, slots=True)
class StreamTicket:
    """What opens one stream once: a request for `path` with the header `Authorization: Bearer <token>`."""

    stream_id: str
    path: str
    token: str = field(repr=False)

    @property
    def authorization(self) -> str:
        """The value of the Authorization header."""
        return f"Bearer {self.token}"


class Visits(Protocol):
    """Connections for VISIT_PATH and what is below it."""

    def refusal(self, request: Request, peer: str) -> Refusal | None:
        """Why this request from the address `peer` is not let in; None: it is."""

    async def receive(self, connection: ServerConnection) -> None:
        """As long as this runs, the connection stands."""


@dataclass(slots=True)
class _Expected:
    """A stream that may connect, is connected, or was."""

    ticket: StreamTicket
    options: StreamOptions
    listener: Listener
    used: bool = False
    stream: Stream | None = None
    connection: _Connection | None = None


class _Connection(ServerConnection):
    """A connection whose audio goes to its stream straight from the socket's callback.

    The usual way, a queue and a task that awaits `recv`, would wake a task for each of 50 frames a second.
    """

    stream: Stream | None = None
    open_connections: set[_Connection]  # of the server: this one takes itself out
    delays: Delays  # of the server
    _in_text = False
    _arrived_at = 0.0  # loop.time() of the latest bytes; several messages may have come in one piece

    def data_received(self, data: bytes) -> None:
        self._arrived_at = self.loop.time()
        super().data_received(data)

    def process_event(self, event: Event) -> None:
        stream = self.stream
        if stream is None or not isinstance(event, Frame):
            super().process_event(event)
            return
        opcode = event.opcode
        if opcode is Opcode.BINARY:
            self._in_text = False
            self._hear(stream, event)
        elif opcode is Opcode.TEXT:  # the metadata of uuid_audio_stream start and send_text: not for us
            self._in_text = True
        elif opcode is Opcode.CONT:  # audio is a stream of bytes: a fragment is as good as a message
            if not self._in_text:
                self._hear(stream, event)
        else:
            super().process_event(event)

    def post(self, text: str) -> bool:
        """Hand a text to the socket, at once. False when the connection is closing, or what was sent waits already."""
        unsent = self.transport.get_write_buffer_size()
        if self.state is not State.OPEN or unsent > MAX_UNSENT_BYTES:
            return False
        content = text.encode()
        self.protocol.send_text(content[:MAX_FRAGMENT_BYTES], fin=len(content) <= MAX_FRAGMENT_BYTES)
        for begin in range(MAX_FRAGMENT_BYTES, len(content), MAX_FRAGMENT_BYTES):
            end = begin + MAX_FRAGMENT_BYTES
            self.protocol.send_continuation(content[begin:end], fin=end >= len(content))
        self.send_data()
        return True

    def _hear(self, stream: Stream, frame: Frame) -> None:
        stream.audio(bytes(frame.data), self.loop.time())
        self.delays.add(self.loop.time() - self._arrived_at)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.stream is not None:
            self.open_connections.discard(self)
            # What the client said; what we said when it was at fault and did not answer; or it just broke.
            close = self.protocol.close_rcvd or self.protocol.close_sent
            code, reason = (CloseCode.ABNORMAL_CLOSURE, "") if close is None else (close.code, close.reason)
            self.stream.close(int(code), reason)


class AudioServer:
    """Listens for the streams that were announced to it, and for no others."""

    def __init__(
        self,
        settings: AudioServerSettings | None = None,
        scheduler: TranscriptionScheduler | None = None,
        *,
        detector: DetectorFactory = WebRtcVad,
        recogniser: StreamingRecogniser | None = None,
    ) -> None:
        """Who made the `scheduler` and the `recogniser` starts and closes them; without any, streams bring no
        transcripts."""
        self.settings = settings or AudioServerSettings()
        self.refused: Counter[Refusal] = Counter()
        self.delays = Delays()  # from the arrival of a message to the end of what it led to
        self._scheduler = scheduler
        self._detector = detector
        self._recogniser = recogniser
        self.visits: Visits | None = None  # None: there are none
        self._server: Server | None = None
        self._expected: dict[str, _Expected] = {}
        self._open: set[_Connection] = set()
        self._streams: WeakSet[Stream] = WeakSet()  # those with texts on their way live on after their connection
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen. Raises PortInUse, or ServerNotStarted for an address that this machine does not have."""
        host, port = self.settings.host, self.settings.port
        try:
            self._server = await serve(
                self._serve,
                host,
                port,
                process_request=self._check,
                process_response=self._admit,
                create_connection=_Connection,
                compression=None,
                server_header=None,
                open_timeout=self.settings.open_timeout_s,
                close_timeout=self.settings.close_timeout_s,
                ping_interval=None,
                max_size=self.settings.max_message_bytes,
                backlog=self.settings.max_streams,  # they may all come at once, and have 1 s each
            )
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(host, port) from error
            raise ServerNotStarted(
                f"the audio server cannot listen on {host}:{port} ({error.strerror or error}): choose an address of "
                "this machine and a port above 1023"
            ) from error

    async def close(self) -> None:
        """End all streams with code 1001, give up the texts that are on their way, stop listening."""
        if self._server is None:
            return
        server, self._server = self._server, None
        server.close(code=CloseCode.GOING_AWAY, reason="the robot is stopping")
        await server.wait_closed()
        if self._closing:
            await asyncio.wait(self._closing)
        for stream in [*self._streams]:
            stream.fail_waiting("the robot is stopping")
        self._expected.clear()

    @property
    def port(self) -> int:
        """The port it listens on, also when the settings say 0. Only after `start`."""
        if self._server is None:
            raise ServerNotStarted("the audio server has not been started")
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    @property
    def open_streams(self) -> int:
        """How many are connected now."""
        return len(self._open)

    def new_stream(
        self, stream_id: str, options: StreamOptions, listener: Listener, failed: Callable[[], None] = lambda: None
    ) -> Stream:
        """One that is heard as all are; whoever asks for it brings the audio, and closes it."""
        stream = Stream(
            stream_id,
            options,
            listener,
            self._scheduler,
            detector=self._detector,
            recogniser=self._recogniser,
            failed=failed,
        )
        self._streams.add(stream)
        return stream

    def expect(self, stream_id: str, options: StreamOptions, listener: Listener) -> StreamTicket:
        """Announce a stream; `listener` is called, synchronously, with all that it brings.

        Again for the same id: the old ticket is void, an old connection is closed (its listener is told), and the
        next connection counts its time and its utterances from the start. Call `forget` when the call is over.
        """
        if not _STREAM_ID.fullmatch(stream_id):
            raise ValueError(f"{stream_id!r} is no stream id: letters, digits, '-' and '_', up to 64")
        old = self._expected.get(stream_id)
        ticket = StreamTicket(stream_id, STREAM_PATH + stream_id, secrets.token_urlsafe(32))
        self._expected[stream_id] = _Expected(ticket, options, listener)
        if old is not None and old.stream is not None:
            old.stream.close(CloseCode.GOING_AWAY, "replaced")
            self._hang_up(old.connection, CloseCode.GOING_AWAY, "replaced")
        return ticket

    def options(self, stream_id: str) -> StreamOptions:
        """The options that hold now. Raises KeyError for a stream that is not expected."""
        return self._expected[stream_id].options

    def configure(self, stream_id: str, options: StreamOptions) -> None:
        """Listen differently from the next frame on, and after a reconnection.

        Raises KeyError for a stream that is not expected, ValueError for what cannot change in mid-stream (rate,
        channels, vad_aggressiveness).
        """
        expected = self._expected[stream_id]
        if expected.stream is not None:
            expected.stream.configure(options)
        expected.options = options

    def end_utterance(self, stream_id: str, utterance: int) -> bool:
        """Take a LikelyTranscript for final now: its SpeechEnded and FinalTranscript are told before this returns.

        What is said from then on is another utterance. False, and nothing is told, when the callee has spoken on, the
        utterance has ended already, or nothing is connected.
        """
        expected = self._expected.get(stream_id)
        return expected is not None and expected.stream is not None and expected.stream.end_utterance(utterance)

    def send_text(self, stream_id: str, text: str) -> bool:
        """Send a text to the client of a stream, in frames below 8 KB, without waiting for anything.

        False, and nothing is sent, when no client is connected, or it does not read and MAX_UNSENT_BYTES wait for it.
        """
        expected = self._expected.get(stream_id)
        return expected is not None and expected.connection is not None and expected.connection.post(text)

    def forget(self, stream_id: str) -> None:
        """The call is over: the listener hears no more, the ticket is void, the connection is closed."""
        expected = self._expected.pop(stream_id, None)
        if expected is not None and expected.stream is not None:
            expected.stream.forget()
            self._hang_up(expected.connection, CloseCode.NORMAL_CLOSURE, "")

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Whether this request may become a stream."""
        refusal = self._refusal(connection, request)
        if refusal is None:
            return None
        self.refused[refusal] += 1
        logger.warning("a WebSocket connection was refused: %s", refusal.value, extra={"action": "stream_refused"})
        return connection.respond(_STATUS[refusal], f"{refusal.value}\n")

    def _refusal(self, connection: ServerConnection, request: Request) -> Refusal | None:
        path = urlsplit(request.path).path
        if self.visits is not None and _is_visit(path):
            peer = connection.remote_address
            return self.visits.refusal(request, str(peer[0]) if peer else "")
        if not path.startswith(STREAM_PATH):
            return Refusal.UNKNOWN_PATH
        expected = self._expected.get(path.removeprefix(STREAM_PATH))
        if expected is None:
            return Refusal.UNKNOWN_STREAM
        given = request.headers.get_all("Authorization")
        if len(given) != 1:
            return Refusal.NO_TICKET
        if not hmac.compare_digest(given[0].encode(errors="surrogateescape"), expected.ticket.authorization.encode()):
            return Refusal.WRONG_TICKET
        if expected.used:
            return Refusal.USED_TICKET
        return Refusal.TOO_MANY_STREAMS if len(self._open) >= self.settings.max_streams else None

    def _admit(self, connection: ServerConnection, request: Request, response: Response) -> None:
        """The handshake is right in all: the token is used up, and audio may come from now on.

        Called right after `_check` without a wait in between, so nothing has changed since.
        """
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            return
        assert isinstance(connection, _Connection)
        path = urlsplit(request.path).path
        if _is_visit(path):
            connection.protocol.max_message_size = MAX_VISIT_MESSAGE_BYTES
            return
        expected = self._expected[path.removeprefix(STREAM_PATH)]
        expected.used = True
        expected.connection = connection
        expected.stream = connection.stream = self.new_stream(
            expected.ticket.stream_id,
            expected.options,
            expected.listener,
            lambda: self._hang_up(connection, CloseCode.INTERNAL_ERROR, "the listener failed"),
        )
        self._open.add(connection)
        connection.open_connections = self._open
        connection.delays = self.delays

    async def _serve(self, connection: ServerConnection) -> None:
        """As long as this runs, the connection stands; the audio goes its own way (`_Connection`)."""
        assert isinstance(connection, _Connection)
        if connection.stream is None:
            assert self.visits is not None
            await self.visits.receive(connection)
            return
        connection.stream.open()
        await connection.wait_closed()

    def _hang_up(self, connection: _Connection | None, code: CloseCode, reason: str) -> None:
        """Close in the background: the audio path does not wait for a client's answer."""
        if connection is None:
            return
        if connection.state is not State.OPEN:
            connection.transport.abort()
            return
        task = asyncio.get_running_loop().create_task(connection.close(code, reason))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def _is_visit(path: str) -> bool:
    return path == VISIT_PATH or path.startswith(f"{VISIT_PATH}/")
