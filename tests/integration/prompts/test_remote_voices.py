"""Voices of other machines, against a local server that speaks the documented protocols: slowly and badly, too."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import struct
import threading
import wave
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from robot.dialogue.error_codes import ErrorCode
from robot.prompts.errors import NoVoice, TtsFailed, TtsTimeout
from robot.prompts.library import PromptLibrary, Spoken
from robot.prompts.live import LiveSpeech
from robot.prompts.loudness import active_speech_level
from robot.prompts.remote import RemoteSettings
from robot.prompts.sound import LEVEL_DBOV, decode, wav
from robot.prompts.voice import VoiceSettings

KEY = "sk-secret-1234"
OPENAI = VoiceSettings("openai:alloy")
CARTESIA = VoiceSettings("cartesia:694f9389", language="fr")


def tone(rate: int, seconds: float = 1.0) -> np.ndarray[Any, np.dtype[np.float32]]:
    return (0.1 * np.sin(2 * np.pi * 300 * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def without_length(content: bytes, size: int) -> bytes:
    """As a server sends a WAV file whose length it does not know yet."""
    return content[:4] + struct.pack("<I", size) + content[8:40] + struct.pack("<I", size) + content[44:]


class Provider:
    """`answer` is what a request gets; `requests` what came: path, headers, body."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        self.connections = 0
        self.answer: Callable[[BaseHTTPRequestHandler], None] = sound(wav(tone(24000), 24000))
        self.may_go_on = threading.Event()
        provider = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                provider.connections += 1

            def do_HEAD(self) -> None:
                self.send_response(404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                provider.requests.append((self.path, dict(self.headers), body))
                provider.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/v1"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self) -> None:
        self.may_go_on.set()
        self.server.shutdown()
        self._thread.join()
        self.server.server_close()


def sound(content: bytes, kind: str = "audio/wav") -> Callable[[BaseHTTPRequestHandler], None]:
    return answer(200, content, kind)


def answer(
    status: int, content: bytes, kind: str = "application/json", declared: int | None = None
) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content) if declared is None else declared))
        handler.end_headers()
        handler.wfile.write(content)
        if declared is not None:
            handler.close_connection = True

    return send


@pytest.fixture
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture
def library(provider: Provider, tmp_path: Path) -> Iterator[PromptLibrary]:
    made = PromptLibrary(tmp_path / "prompts", remote=RemoteSettings(provider.url, KEY, timeout_s=2))
    yield made
    made.close()


def test_openai_is_asked_as_documented(library: PromptLibrary, provider: Provider) -> None:
    prompt = library.spoken("Good\n morning.", OPENAI)
    path, headers, body = provider.requests[0]
    assert path == "/v1/audio/speech"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert body == {
        "model": "gpt-4o-mini-tts",
        "input": "Good morning.",
        "voice": "alloy",
        "response_format": "wav",
    }
    samples, rate = decode(prompt.file.read_bytes())
    assert rate == 16000
    assert active_speech_level(samples, rate) == pytest.approx(LEVEL_DBOV, abs=0.5)
    assert prompt.length_s == pytest.approx(1.0, abs=0.02)
    library.spoken("Faster.", VoiceSettings("openai:alloy", 1.25))
    assert provider.requests[1][2]["speed"] == 1.25


def test_cartesia_is_asked_as_documented(library: PromptLibrary, provider: Provider) -> None:
    provider.answer = sound(wav(tone(16000), 16000)[44:] + b"\0", "audio/pcm")  # an odd byte is cut off
    prompt = library.spoken("Bonjour.", CARTESIA)
    path, headers, body = provider.requests[0]
    assert path == "/v1/tts/bytes"
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Cartesia-Version"] == "2026-03-01"
    assert body == {
        "model_id": "sonic-3.5",
        "transcript": "Bonjour.",
        "voice": {"mode": "id", "id": "694f9389"},
        "language": "fr",
        "output_format": {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 16000},
    }
    assert prompt.length_s == pytest.approx(1.0, abs=0.02)
    library.spoken("Vite.", VoiceSettings("cartesia:694f9389", 2.0))
    assert provider.requests[1][2]["generation_config"] == {"speed": 1.5}


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFF000])
def test_a_wav_file_without_its_length(library: PromptLibrary, provider: Provider, size: int) -> None:
    provider.answer = sound(without_length(wav(tone(24000), 24000), size))
    assert library.spoken("Hello.", OPENAI).length_s == pytest.approx(1.0, abs=0.02)


def test_what_was_spoken_is_found_again_unless_voice_model_or_server_differ(
    library: PromptLibrary, provider: Provider
) -> None:
    first = library.spoken("Hello.", OPENAI)
    assert library.spoken("Hello.", OPENAI) == first
    assert len(provider.requests) == 1
    other = PromptLibrary(library.folder, remote=RemoteSettings(provider.url, KEY, "tts-1"))
    files = {
        first.file,
        library.spoken("Hello.", VoiceSettings("openai:nova")).file,
        other.spoken("Hello.", OPENAI).file,
    }
    other.close()
    assert len(files) == 3


def test_the_connection_is_made_once_and_before_it_is_needed(library: PromptLibrary, provider: Provider) -> None:
    library.voice(OPENAI).warm()
    assert provider.connections == 1
    for text in ("one", "two", "three"):
        library.spoken(text, OPENAI)
    assert provider.connections == 1


def test_a_kept_connection_that_is_gone_is_made_again(library: PromptLibrary, provider: Provider) -> None:
    tries = []

    def hang_up_at_first(handler: BaseHTTPRequestHandler) -> None:
        tries.append(1)
        if len(tries) == 2:
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
        else:
            sound(wav(tone(24000), 24000))(handler)

    provider.answer = hang_up_at_first
    library.spoken("one", OPENAI)
    assert library.spoken("two", OPENAI).length_s > 0
    assert len(tries) == 3


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, {"error": {"message": f"Incorrect API key {KEY} provided", "code": "invalid_api_key"}}, "tts.api_key"),
        (
            429,
            {"error_code": "concurrency_limited", "title": "Too many", "message": "Over your plan"},
            "Over your plan",
        ),
        (404, {"message": "The model is not valid"}, "tts.model"),
        (422, {"detail": [{"input": "Hello there."}]}, "HTTP 422"),
        (400, {"message": "cannot say: Hello there."}, r"HTTP 400\)"),
        (500, {"error": "oops"}, "a problem of its own"),
        (418, {"message": "x" * 5000}, "x{200}[^x]"),
    ],
)
def test_a_refusal_says_why_and_gives_nothing_away(
    library: PromptLibrary, provider: Provider, status: int, body: dict[str, Any], told: str
) -> None:
    provider.answer = answer(status, json.dumps(body).encode())
    with pytest.raises(TtsFailed, match=told) as raised:
        library.spoken("Hello there.", OPENAI)
    assert raised.value.code is ErrorCode.TTS_FAIL
    assert KEY not in str(raised.value)
    assert "Hello there" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "kind", "told"),
    [
        (b"", "audio/wav", "0 bytes"),
        (b'{"ok": true}', "application/json", "no speech"),
        (b"\xff\xfegarbage" * 50, "audio/wav", "a sound that is no sound"),
        (wav(tone(24000, 0), 24000), "audio/wav", "holds no sound"),
    ],
)
def test_what_is_no_speech_is_told(
    library: PromptLibrary, provider: Provider, content: bytes, kind: str, told: str
) -> None:
    provider.answer = sound(content, kind)
    with pytest.raises(TtsFailed, match=told):
        library.spoken("Hello.", OPENAI)


def test_an_answer_that_breaks_off_is_no_prompt(library: PromptLibrary, provider: Provider) -> None:
    whole = wav(tone(24000), 24000)
    provider.answer = answer(200, whole[:20000], "audio/wav", declared=len(whole))
    with pytest.raises(TtsFailed, match="no speech came"):
        library.spoken("Hello.", OPENAI)
    assert not list(library.folder.glob("*.wav"))


def test_nobody_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    library = PromptLibrary(tmp_path, remote=RemoteSettings(url))
    with pytest.raises(TtsFailed, match="no speech came"):
        library.spoken("Hello.", OPENAI)
    with pytest.raises(TtsFailed, match="no speech came"):
        library.voice(OPENAI).warm()
    library.close()


def slow_start(provider: Provider) -> Callable[[BaseHTTPRequestHandler], None]:
    def send(handler: BaseHTTPRequestHandler) -> None:
        provider.may_go_on.wait(10)
        handler.close_connection = True

    return send


def drip(provider: Provider) -> Callable[[BaseHTTPRequestHandler], None]:
    """A byte now and then, each in time, and never all of them."""

    def send(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not provider.may_go_on.wait(0.02):
            try:
                handler.wfile.write(b"x")
            except OSError:
                break
        handler.close_connection = True

    return send


@pytest.mark.parametrize("slowness", [slow_start, drip])
def test_a_slow_server_is_not_waited_for(
    provider: Provider, tmp_path: Path, slowness: Callable[[Provider], Callable[[BaseHTTPRequestHandler], None]]
) -> None:
    provider.answer = slowness(provider)
    library = PromptLibrary(tmp_path, remote=RemoteSettings(provider.url, timeout_s=0.15))
    with pytest.raises(TtsTimeout, match=r"tts\.timeout_s"):
        library.spoken("Hello.", OPENAI)
    library.close()


def test_voices_that_cannot_be() -> None:
    library = PromptLibrary(Path("/nowhere"))
    with pytest.raises(NoVoice, match=r"tts\.api_key"):
        library.spoken("Hello.", OPENAI)
    with pytest.raises(NoVoice, match="names no voice"):
        library.spoken("Hello.", VoiceSettings("cartesia:"))
    library.close()


async def test_live_phrases_of_many_calls_do_not_wait_for_each_other(provider: Provider, tmp_path: Path) -> None:
    """One worker for this machine's own voices, and yet all are with the provider at once."""
    together = threading.Barrier(5)
    spoken = sound(wav(tone(24000), 24000))

    def when_all_are_there(handler: BaseHTTPRequestHandler) -> None:
        together.wait(10)
        spoken(handler)

    provider.answer = when_all_are_there
    library = PromptLibrary(tmp_path / "prompts", remote=RemoteSettings(provider.url))
    live = LiveSpeech(library, workers=1)
    phrases = await asyncio.gather(*(live.speak(f"phrase {n}", OPENAI, owner=f"call-{n}") for n in range(5)))
    with wave.open(io.BytesIO(phrases[0].file.read_bytes())) as opened:
        assert opened.getframerate() == 16000
    assert len({phrase.file for phrase in phrases}) == 5
    await live.close()
    library.close()


async def test_the_library_knows_them_as_sources(library: PromptLibrary) -> None:
    assert library.find(Spoken("Hello.", OPENAI)) is None
    prompt = await library.prepare(Spoken("Hello.", OPENAI))
    assert library.find(Spoken("Hello.", OPENAI)) == prompt
