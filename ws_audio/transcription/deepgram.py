"""Deepgram's streaming recognition: one WebSocket for each stream, audio in, words out.

The protocol (developers.deepgram.com/reference/speech-to-text/listen-streaming): binary frames are audio; text frames
are JSON with a `type`. We send Finalize, KeepAlive (10 s without anything end the connection) and CloseStream; we get
Results with `is_final`, `speech_final`, `from_finalize`, and Metadata, SpeechStarted, UtteranceEnd, which say nothing
that is not decided here. With `endpointing` a pause makes what was said before it final.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException

from ws_audio.frames import SAMPLE_BYTES
from ws_audio.transcription.streaming import Heard, Word

logger = logging.getLogger(__name__)

URL: Final = "wss://api.deepgram.com/v1/listen"
MODEL: Final = "nova-3"
_FINALISE: Final = '{"type": "Finalize"}'
_KEEP_ALIVE: Final = '{"type": "KeepAlive"}'
_CLOSE: Final = '{"type": "CloseStream"}'
_SECRET_STATUS: Final = (401, 402, 403)  # a key, or an account, that somebody has to see to
_MAX_KEYTERMS: Final = 50  # of 500 tokens that a request may have


@dataclass(frozen=True, slots=True)
class DeepgramSettings:
    """endpointing_ms: a pause after which words are final. piece_ms: audio in one message.

    backlog_s: of audio that could not be sent yet; with more, the session is over. rest_s: after a failure nothing is
    tried for so long, doubled each time up to `longest_rest_s`.
    """

    api_key: str = field(repr=False)
    url: str = URL
    model: str = MODEL
    endpointing_ms: int = 200
    piece_ms: int = 40
    connect_timeout_s: float = 3.0
    backlog_s: float = 5.0
    keep_alive_s: float = 4.0
    close_timeout_s: float = 1.0
    rest_s: float = 5.0
    longest_rest_s: float = 120.0


class BadMessage(ValueError):
    """It is not what the protocol allows. Says nothing of its content."""


class RefusedByDeepgram(ValueError):
    """Deepgram says that something failed."""


def read(message: str | bytes) -> Heard | None:
    """None: it is of no concern. Raises BadMessage and RefusedByDeepgram."""
    try:
        document = json.loads(message)
        kind = document["type"]
        if kind == "Error":
            code = str(document.get("err_code") or document.get("variant") or "no code")[:60]
            raise RefusedByDeepgram(f"Deepgram says {code}")
        return _results(document) if kind == "Results" else None
    except RefusedByDeepgram:
        raise
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise BadMessage("Deepgram sent what is no message of its protocol") from None


def _results(document: dict[str, Any]) -> Heard:
    start_s, length_s = float(document["start"]), float(document["duration"])
    best = document["channel"]["alternatives"][0]
    end_s = start_s + length_s
    words = tuple(
        Word(str(word.get("punctuated_word") or word["word"]), float(word["start"]) * 1000, float(word["end"]) * 1000)
        for word in best.get("words") or ()
    )
    text = str(best["transcript"]).strip()
    if text and not words:
        words = (Word(text, start_s * 1000, end_s * 1000),)
    final, flushed = document["is_final"] is True, document.get("from_finalize") is True
    confidence = float(best.get("confidence") or 0.0)
    return Heard(words, start_s * 1000, end_s * 1000, final, flushed, confidence)


def address(settings: DeepgramSettings, rate: int, language: str | None, vocabulary: tuple[str, ...]) -> str:
    """Of one stream. Without a language the model finds out which of its own is spoken."""
    query = [
        ("model", settings.model), ("language", language or "multi"), ("encoding", "linear16"),
        ("sample_rate", str(rate)), ("channels", "1"), ("interim_results", "true"), ("punctuate", "true"),
        ("endpointing", str(settings.endpointing_ms)),
        *(("keyterm", term) for term in vocabulary[:_MAX_KEYTERMS]),
    ]  # fmt: skip
    return f"{settings.url}{'&' if '?' in settings.url else '?'}{urlencode(query)}"


class DeepgramRecogniser:
    """A StreamingRecogniser. Belongs to one event loop."""

    def __init__(self, settings: DeepgramSettings) -> None:
        self._settings = settings
        self._sessions: set[DeepgramSession] = set()
        self._failures = 0  # since it was last of use
        self._rests_until = 0.0  # loop.time()

    def open(
        self,
        rate: int,
        language: str | None,
        vocabulary: tuple[str, ...],
        on_heard: Callable[[Heard], None],
        on_lost: Callable[[str], None],
    ) -> DeepgramSession | None:
        if asyncio.get_running_loop().time() < self._rests_until:
            return None

        def lost(reason: str, for_long: bool) -> None:
            self._failed(reason, for_long)
            on_lost(reason)

        url = address(self._settings, rate, language, vocabulary)
        session = DeepgramSession(self._settings, url, rate, on_heard, lost)
        self._sessions.add(session)
        session.task.add_done_callback(lambda _: self._sessions.discard(session))
        return session

    def answered(self) -> None:
        if self._failures:
            logger.warning("Deepgram is back", extra={"action": "stt_streaming_back"})
            self._failures = 0
            self._rests_until = 0.0

    async def close(self) -> None:
        tasks = [session.task for session in self._sessions]
        for session in [*self._sessions]:
            session.close()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=2 * self._settings.close_timeout_s)
            for task in late:
                task.cancel()

    def _failed(self, reason: str, for_long: bool) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._rests_until:  # of the same trouble: many calls have noticed
            return
        settings = self._settings
        rest_s = settings.rest_s * 2 ** min(self._failures, 16)
        self._rests_until = now + (settings.longest_rest_s if for_long else min(rest_s, settings.longest_rest_s))
        if self._failures == 0:
            logger.warning(
                "%s: utterances are recognised on this machine until it is back", reason,
                extra={"action": "stt_streaming_away"},
            )  # fmt: skip
        self._failures += 1


class DeepgramSession:
    """A StreamingSession. `task` ends when the connection is closed."""

    def __init__(
        self,
        settings: DeepgramSettings,
        url: str,
        rate: int,
        on_heard: Callable[[Heard], None],
        on_lost: Callable[[str, bool], None],
    ) -> None:
        """on_lost(reason, for_long): whether trying again soon is of no use."""
        self._settings = settings
        self._url = url
        self._on_heard = on_heard
        self._on_lost = on_lost
        self._piece = rate * settings.piece_ms // 1000 * SAMPLE_BYTES
        self._most = int(rate * settings.backlog_s) * SAMPLE_BYTES
        self._outbox: deque[bytes | str] = deque()
        self._audio = bytearray()  # not a whole piece yet
        self._waiting = 0  # bytes in the outbox
        self._wake = asyncio.Event()
        self._over = False
        self.task = asyncio.create_task(self._run(), name="deepgram")
        self.task.add_done_callback(_tell_death)

    def push(self, audio: bytes) -> None:
        if self._over:
            return
        self._audio += audio
        if len(self._audio) >= self._piece:
            self._post_audio()
        if self._waiting > self._most:
            self._lose(f"Deepgram does not take the audio: {self._settings.backlog_s:g} s of it wait", False)
            self.task.cancel()  # it may be sending, for ever

    def finalise(self) -> None:
        if not self._over:
            self._post_audio()
            self._post(_FINALISE)

    def close(self) -> None:
        if not self._over:
            self._over = True
            self._outbox.clear()
            self._post(_CLOSE)
            asyncio.get_running_loop().call_later(2 * self._settings.close_timeout_s, self.task.cancel)

    # ------------------------------------------------------------------------------------------------------------------

    def _post_audio(self) -> None:
        if self._audio:
            self._waiting += len(self._audio)
            self._post(bytes(self._audio))
            self._audio.clear()

    def _post(self, message: bytes | str) -> None:
        self._outbox.append(message)
        self._wake.set()

    def _lose(self, reason: str, for_long: bool) -> None:
        if not self._over:
            self._over = True
            self._wake.set()
            self._on_lost(reason, for_long)

    async def _run(self) -> None:
        settings = self._settings
        try:
            async with connect(
                self._url,
                additional_headers={"Authorization": f"Token {settings.api_key}"},
                open_timeout=settings.connect_timeout_s,
                close_timeout=settings.close_timeout_s,
                compression=None,
                max_size=1 << 20,
                ping_interval=None,  # silence is noticed by who waits for a text
            ) as connection:
                reading = asyncio.create_task(self._read(connection))
                try:
                    await self._write(connection)
                finally:
                    reading.cancel()
                    await asyncio.wait({reading})
                if not reading.cancelled() and (error := reading.exception()) is not None:
                    raise error
        except InvalidStatus as error:
            status = error.response.status_code
            self._lose(f"Deepgram refuses the connection with status {status}", status in _SECRET_STATUS)
        except InvalidURI:
            self._lose("stt.url is no address of a WebSocket", True)
        except (BadMessage, RefusedByDeepgram) as error:
            self._lose(str(error), False)
        except (WebSocketException, OSError, TimeoutError) as error:
            self._lose(f"Deepgram cannot be reached ({error or type(error).__name__})", False)

    async def _write(self, connection: ClientConnection) -> None:
        """Until it is closed, or over."""
        while True:
            while self._outbox:
                message = self._outbox.popleft()
                await connection.send(message)
                if isinstance(message, bytes):
                    self._waiting -= len(message)
                elif message == _CLOSE:
                    return
            if self._over:
                return
            self._wake.clear()
            try:
                async with asyncio.timeout(self._settings.keep_alive_s):
                    await self._wake.wait()
            except TimeoutError:
                await connection.send(_KEEP_ALIVE)

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for message in connection:
                heard = read(message)
                if heard is not None and not self._over:
                    self._on_heard(heard)
            self._lose("Deepgram closed the connection", False)
        except ConnectionClosed as error:
            said = f"{error.rcvd.code} {error.rcvd.reason[:60]}".rstrip() if error.rcvd else "no code"
            self._lose(f"Deepgram broke the connection off ({said})", False)
        except (BadMessage, RefusedByDeepgram) as error:
            self._lose(str(error), False)
        except Exception:
            self._lose("what Deepgram heard could not be used", False)
            raise


def _tell_death(task: asyncio.Task[None]) -> None:
    with suppress(asyncio.CancelledError):
        if (error := task.exception()) is not None:
            logger.error("a session died", exc_info=error, extra={"action": "stt_streaming_died"})
