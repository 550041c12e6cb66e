"""Voices of other machines: OpenAI's speech endpoint, which many servers speak too, and Cartesia's.

`openai:NAME` and `cartesia:VOICE_ID` name them. One text is one HTTP request; its connection is kept for the next.
"""

from __future__ import annotations

import json
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import httpx2
import numpy as np

from robot.prompts.errors import NoVoice, SoundError, TtsFailed, TtsTimeout
from robot.prompts.loudness import Samples
from robot.prompts.sound import decode

# As long as providers keep an idle connection at least, so that the next phrase needs no handshake.
_KEPT_FOR_S: Final = 60.0
_CONNECTIONS: Final = 64
# What a text may take grows by `timeout_s` with each of these.
_LETTERS_EACH: Final = 100
# Five minutes at 48 kHz and 32 bits.
_MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_REFUSAL_BYTES: Final = 16 * 1024
_LONGEST_MESSAGE: Final = 200


@dataclass(frozen=True, slots=True)
class RemoteSettings:
    """url, model: None is the provider's own. timeout_s: for 100 letters; a longer text has as much for each 100."""

    url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    model: str | None = None
    timeout_s: float = 5.0


class RemoteVoice(ABC):
    """A voice of one provider. Thread-safe."""

    default_url: ClassVar[str]
    default_model: ClassVar[str]

    def __init__(self, name: str, language: str, settings: RemoteSettings, client: httpx2.Client) -> None:
        self.name = name
        self.language = language
        self.model = settings.model or self.default_model
        self._url = (settings.url or self.default_url).rstrip("/")
        self._key = settings.api_key
        self._timeout_s = settings.timeout_s
        self._client = client
        self.identity = f"{type(self).__name__} {self._url} {self.model} {name} {language}"
        if not self._key and settings.url is None:
            raise NoVoice(
                f"{self._url} speaks for nobody without a key: set tts.api_key in robot.toml, or tts.url to a server "
                "of yours"
            )

    @abstractmethod
    def _request(self, text: str, speed: float) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
        """Path, headers and body."""

    @abstractmethod
    def _sound(self, content: bytes) -> tuple[Samples, int]:
        """What came. Raises SoundError."""

    def warm(self) -> None:
        """Connect: names, TCP and TLS take 100 to 300 ms. Whatever is answered will do. Raises TtsFailed."""
        try:
            self._client.head(self._url, timeout=self._timeout_s)
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error

    def speak(self, text: str, speed: float) -> tuple[Samples, int]:
        words = " ".join(text.split())
        until = time.monotonic() + self._timeout_s * math.ceil(len(words) / _LETTERS_EACH)
        path, headers, body = self._request(words, speed)
        if self._key:
            headers = {**headers, "Authorization": f"Bearer {self._key}"}
        request = self._client.build_request(
            "POST", f"{self._url}{path}", headers=headers, json=body, timeout=self._timeout_s
        )
        try:
            content = self._answered(request, words, until)
        except httpx2.TimeoutException as error:
            raise self._too_slow(words) from error
        except httpx2.HTTPError as error:
            raise self._unreachable(error) from error
        try:
            return self._sound(content)
        except SoundError as error:
            raise TtsFailed(f"{self._url} sent a sound that {error}") from error

    def _answered(self, request: httpx2.Request, words: str, until: float) -> bytes:
        """The whole answer. Raises TtsFailed, or httpx2's errors."""
        try:
            response = self._client.send(request, stream=True)
        except (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError):
            # A kept connection that was closed in this moment; the same text may be spoken twice.
            response = self._client.send(request, stream=True)
        try:
            content = bytearray()
            most = _MOST_BYTES if response.is_success else _MOST_REFUSAL_BYTES
            for part in response.iter_bytes():
                content += part
                if time.monotonic() > until:
                    raise self._too_slow(words)
                if len(content) > most:
                    break
        finally:
            response.close()
        kind = response.headers.get("Content-Type", "")
        if not response.is_success:
            raise self._refused(response.status_code, bytes(content), words)
        if len(content) > most or not content or kind.startswith(("application/json", "text/")):
            raise TtsFailed(f"{self._url} sent {len(content)} bytes of {kind or 'nothing'}, no speech: check tts.url")
        return bytes(content)

    def _refused(self, status: int, content: bytes, words: str) -> TtsFailed:
        message = _message(content)
        if self._key:
            message = message.replace(self._key, "****")
        if words in message:  # what is said in calls is not for the log
            message = ""
        told = f": {message}" if message else ""
        return TtsFailed(f"{self._url} does not speak (HTTP {status}{told}): {_ADVICE.get(status, _OTHERWISE)}")

    def _too_slow(self, words: str) -> TtsTimeout:
        return TtsTimeout(
            f"{self._url} took too long with a text of {len(words)} letters: set tts.timeout_s (it is "
            f"{self._timeout_s:g}), or use a faster model or voice"
        )

    def _unreachable(self, error: httpx2.HTTPError) -> TtsFailed:
        return TtsFailed(
            f"no speech came from {self._url} ({str(error) or type(error).__name__}): check tts.url and the network"
        )


class OpenAiVoice(RemoteVoice):
    """POST /audio/speech (platform.openai.com/docs/api-reference/audio/createSpeech)."""

    default_url = "https://api.openai.com/v1"
    default_model = "gpt-4o-mini-tts"

    def _request(self, text: str, speed: float) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
        # A WAV file says what it is; other servers have other rates than OpenAI's 24 kHz.
        body = {"model": self.model, "input": text, "voice": self.name, "response_format": "wav"}
        return "/audio/speech", {}, body if speed == 1 else {**body, "speed": speed}

    def _sound(self, content: bytes) -> tuple[Samples, int]:
        return decode(_with_a_length(content))


class CartesiaVoice(RemoteVoice):
    """POST /tts/bytes (docs.cartesia.ai/api-reference/tts/bytes)."""

    default_url = "https://api.cartesia.ai"
    default_model = "sonic-3.5"
    _RATE: Final = 16000
    _SLOWEST: Final = 0.6
    _FASTEST: Final = 1.5

    def _request(self, text: str, speed: float) -> tuple[str, Mapping[str, str], Mapping[str, Any]]:
        body = {
            "model_id": self.model,
            "transcript": text,
            "voice": {"mode": "id", "id": self.name},
            "language": self.language,
            "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": self._RATE},
        }
        if speed != 1:
            body["generation_config"] = {"speed": min(max(speed, self._SLOWEST), self._FASTEST)}
        return "/tts/bytes", {"Cartesia-Version": "2026-03-01"}, body

    def _sound(self, content: bytes) -> tuple[Samples, int]:
        samples = np.frombuffer(content[: len(content) // 2 * 2], "<i2")
        return samples.astype(np.float32) / np.float32(32768), self._RATE


_PROVIDERS: Final[Mapping[str, type[RemoteVoice]]] = {"openai": OpenAiVoice, "cartesia": CartesiaVoice}


def is_remote(model: str) -> bool:
    """Whether another machine speaks."""
    return model.partition(":")[0] in _PROVIDERS and ":" in model


class RemoteVoices:
    """The voices that `settings` reach. `close` it when nobody speaks any more."""

    def __init__(self, settings: RemoteSettings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: httpx2.Client | None = None
        self._voices: dict[tuple[str, str], RemoteVoice] = {}

    def find(self, model: str, language: str) -> RemoteVoice:
        """model: one that `is_remote`. Raises NoVoice."""
        with self._lock:
            found = self._voices.get((model, language))
            if found is None:
                provider, _, name = model.partition(":")
                if not name:
                    raise NoVoice(f"{model} names no voice: write {model}NAME")
                if self._client is None:
                    limits = httpx2.Limits(max_connections=_CONNECTIONS, keepalive_expiry=_KEPT_FOR_S)
                    self._client = httpx2.Client(limits=limits)
                found = _PROVIDERS[provider](name, language, self._settings, self._client)
                self._voices[model, language] = found
            return found

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None
            self._voices.clear()


_OTHERWISE: Final = "check tts.url, tts.model and the voice"
_ADVICE: Final = {
    401: "correct tts.api_key",
    402: "the account has no credit left",
    403: "correct tts.api_key, or what it may do",
    404: "correct tts.url, tts.model or the voice",
    429: "have fewer calls at once, or a larger plan",
    500: "the server has a problem of its own",
    502: "the server has a problem of its own",
    503: "the server has a problem of its own",
    504: "the server has a problem of its own",
}


def _message(content: bytes) -> str:
    """What a refusal says, in one short line: OpenAI's `error.message`, Cartesia's `message`, or nothing."""
    try:
        told = json.loads(content)
    except ValueError:
        return ""
    if isinstance(told, dict) and isinstance(told.get("error"), dict):
        told = told["error"]
    message = told.get("message") if isinstance(told, dict) else None
    return " ".join(message.split())[:_LONGEST_MESSAGE] if isinstance(message, str) else ""


def _with_a_length(content: bytes) -> bytes:
    """A WAV file that was sent before its length was known says 0 in some cases, which means to its end."""
    data = content.find(b"data", 12, 4096)
    if not content.startswith(b"RIFF") or data < 0 or content[data + 4 : data + 8] != bytes(4):
        return content
    return content[: data + 4] + b"\xff" * 4 + content[data + 8 :]
