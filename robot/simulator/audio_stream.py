"""mod_audio_stream: a real WebSocket client that carries one channel's audio, paced by the simulator's timeline.

The rules of what goes into which frame are `FramePacker`, without a socket; `AudioStream` is the connection around it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from socket import gaierror
from typing import Final, Literal
from urllib.parse import urlsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage
from websockets.typing import Origin

from robot.simulator.callees_file import StreamFault
from robot.simulator.sound import FRAME_MS, FrameResampler, Samples, mix
from robot.simulator.timeline import Timeline

Mix = Literal["mono", "mixed", "stereo"]

# The first frames wait for each other: two come together about 40 ms after the start.
FIRST_FRAMES: Final = 2
# The module gives the peer 1 s to finish the upgrade (error 10), and 1 s to answer a close.
CONNECT_LIMIT_MS: Final = 1000
CLOSE_LIMIT_S: Final = 1.0
# The module keeps what the peer does not read; past a minute the peer is dead and what is newer is lost.
MAX_WAITING_FRAMES: Final = 60_000 // FRAME_MS

# Error codes of the WebSocket library inside mod_audio_stream. 6 and 10 were measured; that a refused upgrade is 2
# (a response that is not the wanted one) is from that library's list.
_CONNECT_FAILED: Final = 6
_TIMED_OUT: Final = 10

_SUFFIXES: Final = {"wav": ".wav", "mp3": ".mp3", "ogg": ".ogg"}


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What `uuid_audio_stream U start URL MIX RATE [METADATA]` asks for."""

    url: str
    mix: Mix
    rate: int
    metadata: str = ""

    @classmethod
    def parse(cls, arguments: str) -> StreamRequest | None:
        """The text after `start`; None for what the module refuses (`-ERR Operation Failed`)."""
        # Everything after the rate is metadata, spaces included.
        parts = arguments.split(" ", 3)
        if len(parts) < 2:
            return None
        url, mix_name = parts[0], parts[1]
        rate = {"8k": 8000, "8000": 8000, "16k": 16000, "16000": 16000}.get(parts[2] if len(parts) > 2 else "8k")
        if rate is None or not _usable(url):
            return None
        metadata = parts[3] if len(parts) > 3 else ""
        match mix_name:
            case "mono" | "mixed" | "stereo":
                return cls(url, mix_name, rate, metadata)
            case _:
                return None


def _usable(url: str) -> bool:
    # The module's own check of the host lets letters, digits, `-` and `.` through, nothing else.
    found = re.fullmatch(r"wss?://([A-Za-z0-9.-]+)(?::(\d{1,5}))?(?:[/?].*)?", url)
    return found is not None and 0 < int(found[2] or 80) < 65536


class FramePacker:
    """Turns both sides of the line, 20 ms at a time, into the binary messages of the stream."""

    def __init__(self, request: StreamRequest, line_rate: int, buffer_ms: int, *, send_silence: bool) -> None:
        self._mix = request.mix
        self._received = FrameResampler(line_rate, request.rate)
        self._sent = FrameResampler(line_rate, request.rate)
        self._send_silence = send_silence
        self._together = max(1, buffer_ms // FRAME_MS)
        self._held: list[bytes] = []
        self._started = False

    def pack(self, received: Samples, sent: Samples | None) -> list[bytes]:
        """The messages that are due after this frame."""
        # stereo and mixed come from the write side: while that is idle the module sends nothing at all,
        # unless send_silence_when_idle=-1 keeps it going.
        if self._mix != "mono" and sent is None and not self._send_silence:
            return []
        frame = self._received.convert(received)
        if self._mix != "mono":
            ours = self._sent.convert(np.zeros_like(received) if sent is None else sent)
            frame = mix(frame, ours) if self._mix == "mixed" else np.column_stack((frame, ours)).reshape(-1)
        self._held.append(frame.astype("<i2", copy=False).tobytes())
        if self._together > 1:
            return self._take() if len(self._held) == self._together else []
        if not self._started and len(self._held) < FIRST_FRAMES:
            return []
        self._started = True
        messages, self._held = self._held, []
        return messages

    def _take(self) -> list[bytes]:
        message = b"".join(self._held)
        self._held = []
        return [message]


class StreamState(Enum):
    """CONNECTING → OPEN → (CLOSED_BY_PEER: attached but dead, FAILED likewise) → STOPPED."""

    CONNECTING = "connecting"
    OPEN = "open"
    CLOSED_BY_PEER = "closed by peer"
    FAILED = "failed"
    STOPPED = "stopped"


Report = Callable[[str, str], None]


class AudioStream:
    """One stream of one channel. `report(kind, json)` makes the events connect, disconnect, error, json and play;
    `on_broken` says that the connection ended without a close, which takes the stream off the channel."""

    def __init__(
        self,
        uuid: str,
        request: StreamRequest,
        packer: FramePacker,
        *,
        headers: dict[str, str],
        fault: StreamFault | None,
        timeline: Timeline,
        report: Report,
        on_broken: Callable[[AudioStream], None],
    ) -> None:
        self.state = StreamState.CONNECTING
        self._uuid = uuid
        self._request = request
        self._packer = packer
        self._headers = headers
        self._fault = fault
        self._timeline = timeline
        self._report = report
        self._on_broken = on_broken
        self._paused = False
        self._outgoing: deque[bytes | str] = deque([request.metadata] if request.metadata else [])
        self._wake = asyncio.Event()
        self._socket: ClientConnection | None = None
        self._files: list[Path] = []
        self._task = asyncio.create_task(self._run(), name=f"audio-stream-{uuid}")
        self._closing: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        return not self._task.done() or (self._closing is not None and not self._closing.done())

    def push(self, received: Samples, sent: Samples | None) -> None:
        """One frame of the line: what came from the callee, and what went to it (None: nothing)."""
        if self.state not in (StreamState.CONNECTING, StreamState.OPEN) or self._paused:
            return
        if self._fault is not None and self._fault.fault == "silent":
            return
        for message in self._packer.pack(received, sent):
            if len(self._outgoing) < MAX_WAITING_FRAMES:
                self._outgoing.append(message)
        self._wake.set()

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False

    def send_text(self, text: str) -> None:
        """Sends `text` up to its first space: the module cuts it there."""
        self._outgoing.append(text.partition(" ")[0])
        self._wake.set()

    def stop(self, farewell: str, on_closed: Callable[[], None]) -> None:
        """Close with 1000 after an optional last text; `on_closed` is called once the peer has answered, or in 1 s."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(farewell), name=f"audio-stream-close-{self._uuid}")
        self._closing.add_done_callback(lambda _task: on_closed())

    def abort(self) -> None:
        """End like a process that was killed: no close frame, no event."""
        self.state = StreamState.STOPPED
        self._task.cancel()
        if self._socket is not None:
            self._socket.transport.abort()
        self._delete_files()

    async def wait_closed(self) -> None:
        """After `stop` or `abort`: until nothing of the stream runs any more."""
        tasks = [self._task, *([self._closing] if self._closing else [])]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self, farewell: str) -> None:
        was_open, self.state = self.state is StreamState.OPEN, StreamState.STOPPED
        socket = self._socket
        if socket is not None and was_open:
            try:
                if farewell:
                    await socket.send(farewell.partition(" ")[0])
                await socket.close(1000, "Normal closure")
            except ConnectionClosed:
                pass  # the peer was faster
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._delete_files()

    async def _run(self) -> None:
        socket = await self._connect()
        if socket is None:
            return
        self._socket = socket
        self.state = StreamState.OPEN
        self._report("connect", json.dumps({"status": "connected"}, separators=(",", ":")))
        if self._fault is not None and self._fault.fault == "drop":
            self._timeline.call_in(self._fault.after_ms, socket.transport.abort)
        sending = asyncio.create_task(self._send(socket))
        try:
            async for message in socket:
                if isinstance(message, str):
                    self._received(message)
        except ConnectionClosed:
            pass  # `_closed` tells how
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        self._closed(socket)

    def _closed(self, socket: ClientConnection) -> None:
        if self.state is not StreamState.OPEN:
            return  # we closed it
        code = socket.close_code or 1006
        reason = socket.close_reason or ""
        body = {"status": "disconnected", "message": {"code": code, "reason": reason}}
        self._report("disconnect", json.dumps(body, separators=(",", ":")))
        # A close by the server leaves the bug on the channel (`stop` before `start`), an abnormal end takes it off.
        self.state = StreamState.CLOSED_BY_PEER
        if code == 1006:
            self._delete_files()
            self._on_broken(self)

    async def _connect(self) -> ClientConnection | None:
        if self._fault is not None and self._fault.fault == "refused":
            self._failed(_CONNECT_FAILED, "Connection refused (system error 111)")
            return None
        opening = asyncio.create_task(self._open())
        in_time = True

        def too_late() -> None:
            nonlocal in_time
            in_time = False
            opening.cancel()

        limit = self._timeline.call_in(CONNECT_LIMIT_MS, too_late)
        try:
            return await opening
        except asyncio.CancelledError:
            if in_time:
                raise
            self._failed(_TIMED_OUT, "Timeout")
        except gaierror:  # a name that nobody knows
            self._failed(_CONNECT_FAILED, "Resource temporarily unavailable (system error 11)")
        except OSError as error:
            number = error.errno or 111
            reason = "Connection refused" if number == 111 else error.strerror or str(error)
            self._failed(_CONNECT_FAILED, f"{reason} (system error {number})")
        except (InvalidHandshake, InvalidMessage) as error:
            closed = isinstance(error.__cause__, EOFError)
            reason = "Connection reset by peer (system error 104)" if closed else "WebSocket upgrade failed"
            self._failed(_CONNECT_FAILED, reason)
        finally:
            limit.cancel()
        return None

    async def _open(self) -> ClientConnection:
        address = urlsplit(self._request.url)
        scheme = "https" if address.scheme == "wss" else "http"
        return await connect(
            self._request.url,
            origin=Origin(f"{scheme}://{address.netloc}"),
            additional_headers=self._headers,
            compression=None,
            user_agent_header=None,
            proxy=None,
            open_timeout=None,
            ping_interval=None,
            close_timeout=CLOSE_LIMIT_S,
        )

    def _failed(self, code: int, error: str) -> None:
        self.state = StreamState.FAILED
        body = {"status": "error", "message": {"code": code, "error": error}}
        self._report("error", json.dumps(body, separators=(",", ":")))

    async def _send(self, socket: ClientConnection) -> None:
        try:
            while True:
                while self._outgoing:
                    await socket.send(self._outgoing.popleft())
                self._wake.clear()
                await self._wake.wait()
        except ConnectionClosed:
            return  # the reading side reports it

    def _received(self, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if isinstance(message, dict) and message.get("type") == "streamAudio":
            self._play(message.get("data"))
        else:
            self._report("json", text)

    def _play(self, data: object) -> None:
        """Audio from the server becomes a file on FreeSWITCH's host, to be played with uuid_broadcast."""
        if not isinstance(data, dict):
            return
        kind, rate = data.get("audioDataType"), data.get("sampleRate", 8000)
        suffix = f".r{rate // 1000}" if kind == "raw" and isinstance(rate, int) else _SUFFIXES.get(str(kind))
        if suffix is None:
            return
        try:
            audio = base64.b64decode(str(data.get("audioData", "")), validate=True)
        except binascii.Error:
            return
        file = Path(tempfile.gettempdir()) / f"{self._uuid}_{len(self._files)}.tmp{suffix}"
        file.write_bytes(audio)
        self._files.append(file)
        # What else the server wrote comes back with it; the audio does not.
        body = {name: value for name, value in data.items() if name != "audioData"} | {"file": str(file)}
        self._report("play", json.dumps(body, separators=(",", ":")))

    def _delete_files(self) -> None:
        for file in self._files:
            file.unlink(missing_ok=True)
        self._files.clear()
