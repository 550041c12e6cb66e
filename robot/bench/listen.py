"""How many streams can one core hear, and how late are its decisions?

Real WebSocket clients in a process of their own send 640 bytes every 20 ms, speech and silence in turns; a real
`AudioServer` hears them on one core. Two lags are taken at each voiced frame, when the listener is called:

- `send_to_decision`: from the client's `send`. The time of sending travels in the frame (four quiet samples), so this
  holds the client's own delay inside `send`, the kernel, the wait for the event loop, and the decision. It is the
  upper bound of "arrival to decision": when a frame arrives in the kernel cannot be seen from outside.
- `in_process`: from the moment the event loop hands the frame to the stream, without its wait before that.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import math
import multiprocessing
import os
import socket
import struct
import time
from array import array
from multiprocessing.connection import Connection
from typing import Any, Final

import numpy as np

from robot.bench.figures import memory_mb, spread
from ws_audio.events import AudioEvent, SpeechContinues
from ws_audio.server import AudioServer, AudioServerSettings
from ws_audio.stream import StreamOptions
from ws_audio.vad import WebRtcVad

RATE: Final = 16000
FRAME_BYTES: Final = 640
FRAME_S: Final = 0.02
SPEECH_FRAMES, SILENCE_FRAMES = 60, 65  # 1.2 s and 1.3 s: utterances with their end
WARM_UP_S: Final = 0.5
GOAL_P99_MS: Final = 20.0
_MICROSECONDS: Final = 1 << 32  # the stamp in a frame wraps after 71 minutes


def run(streams: int = 300, seconds: float = 10.0, *, together: bool = False, largest: bool = False) -> dict[str, Any]:
    """Measure `streams` for `seconds`; with `largest`, also find the most streams with a p99 below 20 ms.

    `together` lets all clients send at the same moment of each 20 ms, the worst case; else they are spread over it.
    """
    result = {"benchmark": "listen", **_measure(streams, seconds, together)}
    if largest:
        best = streams if result["send_to_decision_ms"]["p99"] < GOAL_P99_MS else 0
        for more in range(streams + 50, 2001, 50):
            if not _fast_enough(more, min(seconds, 5.0), together):
                break
            best = more
        result["largest_streams_with_p99_below_20_ms"] = best
    return result


def _fast_enough(streams: int, seconds: float, together: bool) -> bool:
    """In one of two tries: what else the machine does spoils one now and then."""
    tries = (_measure(streams, seconds, together) for _ in range(2))
    return any(tried["send_to_decision_ms"]["p99"] < GOAL_P99_MS for tried in tries)


def _measure(streams: int, seconds: float, together: bool) -> dict[str, Any]:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    spawn = multiprocessing.get_context("spawn")
    server_end, to_server = spawn.Pipe()
    client_end, to_clients = spawn.Pipe()
    server = spawn.Process(target=_serve, args=(server_end, streams, cores[:1]), daemon=True)
    clients = spawn.Process(target=_send, args=(client_end, together, cores[1:2]), daemon=True)
    server.start()
    clients.start()
    try:
        to_clients.send((_receive(to_server), seconds))  # port and tickets
        _receive(to_clients)  # all are connected and have sent for the time of the warm-up
        to_server.send("start")
        late = _receive(to_clients, seconds + 30)
        to_server.send("stop")
        measured: dict[str, Any] = _receive(to_server)
    finally:
        for process in (clients, server):
            process.terminate()
            process.join()
    return {
        "streams": streams,
        "seconds": seconds,
        "sending": "together" if together else "spread",
        "server_cores": 1,
        **measured,
        "clients_late_ms": late,
    }


def _receive(pipe: Connection, limit_s: float = 60.0) -> Any:
    if not pipe.poll(limit_s):
        raise TimeoutError("a process of the benchmark does not answer")
    return pipe.recv()


def _run_on(cores: list[int]) -> None:
    if cores:
        os.sched_setaffinity(0, cores)


def _serve(pipe: Connection, streams: int, cores: list[int]) -> None:
    """The process of the server."""
    _run_on(cores)
    asyncio.run(_Server(pipe).run(streams))


class _StampedVad(WebRtcVad):
    """The usual detector, which also reads when the frame was sent: its decision follows before the next frame."""

    sent_us = 0  # of the last frame of all streams

    def is_speech(self, frame: bytes) -> bool:
        _StampedVad.sent_us = int.from_bytes(frame[0:8:2], "little")
        return super().is_speech(frame)


class _Server:
    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe
        self._measuring = False
        self._lags = array("d")  # ms, of each voiced frame
        self._inside = array("d")

    async def run(self, streams: int) -> None:
        server = AudioServer(AudioServerSettings(port=0, max_streams=streams), detector=_StampedVad)
        await server.start()
        gc.collect()
        before_mb = memory_mb()
        options = StreamOptions(rate=RATE)
        tickets = [server.expect(f"stream-{number}", options, self._listen) for number in range(streams)]
        self._pipe.send((server.port, [(ticket.path, ticket.authorization) for ticket in tickets]))
        await asyncio.to_thread(self._pipe.recv)
        self._measuring = True
        cpu, wall = time.process_time(), time.monotonic()
        await asyncio.to_thread(self._pipe.recv)
        cpu, wall = time.process_time() - cpu, time.monotonic() - wall
        self._pipe.send(
            {
                "decisions": len(self._lags),
                "send_to_decision_ms": spread(np.frombuffer(self._lags)),
                "in_process_ms": spread(np.frombuffer(self._inside)),
                "cpu_ms_per_stream_second": round(cpu * 1000 / streams / wall, 3),
                "core_used": round(cpu / wall, 3),
                "kb_per_stream": _kb_each(before_mb, memory_mb(), streams),
            }
        )
        await server.close()

    def _listen(self, event: AudioEvent) -> None:
        if self._measuring and isinstance(event, SpeechContinues):
            now = time.monotonic()
            self._lags.append((int(now * 1e6) - _StampedVad.sent_us) % _MICROSECONDS / 1000)
            self._inside.append((now - event.arrived_at) * 1000)


def _send(pipe: Connection, together: bool, cores: list[int]) -> None:
    """The process of the clients: opens all streams, then sends each its frame every 20 ms."""
    _run_on(cores)
    (port, tickets), seconds = pipe.recv()
    sockets = [_open_stream(port, path, authorization) for path, authorization in tickets]
    frames = _frames()
    count = len(sockets)
    start = time.monotonic() + 0.1
    warm = False
    late = array("d")
    for number in range(math.ceil((WARM_UP_S + seconds) / FRAME_S)):
        if not warm and number * FRAME_S >= WARM_UP_S:
            warm = True
            pipe.send("warm")
        for index, connection in enumerate(sockets):
            due = start + (number + (0 if together else index / count)) * FRAME_S
            wait = due - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            # Callees do not speak in step: each stream is at another place of the script.
            frame = frames[(number + index * 7) % len(frames)]
            now = time.monotonic()
            frame[8:16:2] = (int(now * 1e6) % _MICROSECONDS).to_bytes(4, "little")
            connection.sendall(frame)
            if warm:
                late.append((now - due) * 1000)
    pipe.send(spread(np.frombuffer(late)))
    pipe.recv()  # keeps the streams open until the process is ended


def _open_stream(port: int, path: str, authorization: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\nAuthorization: {authorization}\r\n\r\n".encode()
    )
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        received = connection.recv(4096)
        if not received:
            raise ConnectionError("the server closed the connection in the handshake")
        answer += received
    if b" 101 " not in answer.partition(b"\r\n")[0]:
        raise ConnectionError(f"the server refused the stream: {answer[:80]!r}")
    return connection


def _frames() -> list[bytearray]:
    """The script of a callee, one masked WebSocket message a frame, with room for the stamp in four samples.

    The mask is 0, so that the payload stands as it is; the server unmasks it nevertheless. The stamp is one byte in
    each of four samples: at most 255, too quiet for the detector's energy gate.
    """
    # A buzz of 120 Hz with the formants of an "e" is speech to the detector.
    times = np.arange(SPEECH_FRAMES * FRAME_BYTES // 2) / RATE
    wave = sum(
        np.sin(2 * np.pi * 120 * harmonic * times) / (1 + ((120 * harmonic - formant) / 120) ** 2)
        for harmonic in range(1, 28)
        for formant in (530, 1840, 2480)
    )
    speech = (wave / np.abs(wave).max() * 8000).astype("<i2").tobytes()
    payloads = [speech[start : start + FRAME_BYTES] for start in range(0, len(speech), FRAME_BYTES)]
    payloads += [bytes(FRAME_BYTES)] * SILENCE_FRAMES
    header = struct.pack("!BBHI", 0x82, 0x80 | 126, FRAME_BYTES, 0)
    return [bytearray(header + bytes(8) + payload[8:]) for payload in payloads]


def _kb_each(before_mb: float | None, after_mb: float | None, streams: int) -> float | None:
    return None if before_mb is None or after_mb is None else round((after_mb - before_mb) * 1024 / streams, 1)
