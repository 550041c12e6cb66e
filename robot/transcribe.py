"""`robot transcribe`: what is said in WAV files, by the very engine that listens to calls."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from av.error import FFmpegError
from faster_whisper.audio import decode_audio

from robot.settings import SttSettings
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


def transcribe_files(settings: SttSettings, files: Sequence[Path]) -> Iterator[FileTranscript]:
    """Each file in turn, as soon as it is done; one that cannot be read does not keep the others from it."""
    engine = WhisperEngine(settings.model)
    for file in files:
        started = time.perf_counter()
        try:
            audio = read_sound(file)
        except (OSError, FFmpegError) as error:
            yield FileTranscript(str(file), "", 0, 0, f"cannot be read: {error}: is it a sound file?")
            continue
        transcript = engine.transcribe(audio, settings.language, ())
        took_ms = round((time.perf_counter() - started) * 1000)
        yield FileTranscript(str(file), transcript.text, round(len(audio) / 16), took_ms)


def read_sound(file: Path) -> npt.NDArray[np.int16]:
    """The sound of a file of any kind that FFmpeg knows, mono at 16 kHz. Raises OSError or av.FFmpegError."""
    samples: npt.NDArray[np.float32] = decode_audio(str(file), sampling_rate=16000)
    return (samples * 32767).astype(np.int16)
