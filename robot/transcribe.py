"""`robot transcribe`: what is said in WAV files, by the very engine that listens to calls."""

from __future__ import annotations

import time
import wave
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from robot.config import SttSettings
from ws_audio.frames import resample
from ws_audio.transcription.whisper import WhisperEngine


@dataclass(frozen=True, slots=True)
class FileTranscript:
    """`audio_ms`: length of the file; `took_ms`: time spent on it. `error`: why there is no text, and what to do."""

    file: str
    text: str
    audio_ms: int
    took_ms: int
    error: str | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class UnreadableWav(Exception):
    """The file is not a WAV file of 16-bit samples."""


def transcribe_files(settings: SttSettings, files: Sequence[Path]) -> Iterator[FileTranscript]:
    """Each file in turn, as soon as it is done; one that cannot be read does not keep the others from it."""
    engine = WhisperEngine(settings.model, workers=1)
    for file in files:
        started = time.perf_counter()
        try:
            audio = read_wav(file)
        except (OSError, EOFError, wave.Error, UnreadableWav) as error:
            yield FileTranscript(str(file), "", 0, 0, f"cannot be read: {error}")
            continue
        transcript = engine.transcribe(audio, language=settings.language, vocabulary=())
        took_ms = round((time.perf_counter() - started) * 1000)
        yield FileTranscript(str(file), transcript.text, round(len(audio) / 16), took_ms)


def read_wav(file: Path) -> np.ndarray[Any, np.dtype[np.int16]]:
    """The left channel at 16 kHz. Raises UnreadableWav, wave.Error, EOFError or OSError."""
    with wave.open(str(file), "rb") as sound:
        if sound.getsampwidth() != 2:
            raise UnreadableWav("only 16-bit PCM is read: convert it with `sox IN -b 16 OUT.wav`")
        samples = np.frombuffer(sound.readframes(sound.getnframes()), dtype="<i2")
        return resample(samples[:: sound.getnchannels()], sound.getframerate(), 16000)
