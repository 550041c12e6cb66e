"""Prompts ready to be played: each recording and each text is made ready once, and found again ever after.

All of the work is done by one thread that gives way to calls. The blocking methods are for commands and for reading a
campaign; a running robot awaits `prepare`.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from robot.dialogue.scenario import Prompt
from robot.prompts.errors import NoSound, PromptMissing, PromptTooLong, PromptUnreadable
from robot.prompts.folder import Kept, PromptFolder
from robot.prompts.sound import LONGEST_S, VERSION, decode, prepared, wav
from robot.prompts.voice import Voice, VoiceSettings, find_voice

log = structlog.get_logger(__name__)

# Five minutes of stereo at 48 kHz and 32 bits.
_MOST_BYTES: Final = 128 * 1024 * 1024
# About five minutes of speech.
_MOST_LETTERS: Final = 4000
_NICE: Final = 10
_NAME_LENGTH: Final = 32


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recording and the text that is spoken in it."""

    file: Path
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A text to be synthesised."""

    text: str
    voice: VoiceSettings


class PromptLibrary:
    """Prompts in `folder`, at `rate` Hz. Several may share a folder; `close` it when it is not needed any more."""

    def __init__(self, folder: Path, rate: int = 16000) -> None:
        self._folder = PromptFolder(folder)
        self._rate = rate
        self._pinned: set[Path] = set()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="prompts", initializer=_give_way)

    @property
    def folder(self) -> Path:
        """Nothing outside it is played."""
        return self._folder.path

    def recorded(self, file: Path, text: str) -> Prompt:
        """Blocking. Raises PromptError."""
        return self._submit(Recorded(file, text)).result()

    def spoken(self, text: str, voice: VoiceSettings) -> Prompt:
        """Blocking. Raises PromptError."""
        return self._submit(Spoken(text, voice)).result()

    async def prepare(self, source: Recorded | Spoken) -> Prompt:
        """As `recorded` and `spoken`, while the loop goes on. Raises PromptError."""
        return await asyncio.wrap_future(self._submit(source))

    def is_ready(self, source: Recorded | Spoken) -> bool:
        """Whether nothing has to be done for it. Raises PromptError."""
        return self._folder.find(_name_of(source, self._rate)) is not None

    def pin(self, prompts: Iterable[Prompt]) -> None:
        """They are wanted as long as this library is there, such as those that every call of a campaign plays."""
        self._pinned |= {prompt.file for prompt in prompts}

    def sweep(self, keep_mb: int) -> int:
        """Delete what was not wanted for a day, the oldest first, down to `keep_mb`; how many files that were.

        Blocking. Raises OSError.
        """
        self._folder.touch(self._pinned)
        return self._folder.sweep(keep_mb * 1_000_000)

    def close(self) -> None:
        """What is being made is finished, what waits is given up."""
        self._worker.shutdown(cancel_futures=True)

    def _submit(self, source: Recorded | Spoken) -> Future[Prompt]:
        return self._worker.submit(self._make, source)

    def _make(self, source: Recorded | Spoken) -> Prompt:
        kept = self._kept(source)
        return Prompt(kept.file, source.text, kept.length_s)

    def _kept(self, source: Recorded | Spoken) -> Kept:
        match source:
            case Recorded(file):
                content = _read(file)
                name = _name(self._rate, "recorded", content)
                try:
                    return self._folder.find(name) or self._folder.write(name, _of_recording(content, self._rate))
                except (PromptUnreadable, PromptTooLong, NoSound) as error:
                    raise type(error)(f"{file} {error}") from error
            case Spoken(text):
                voice = _voice(source)
                name = _name_of(source, self._rate)
                return self._folder.find(name) or self._folder.write(
                    name, _of_text(text, voice, source.voice.speed, self._rate)
                )


def _read(file: Path) -> bytes:
    """Raises PromptMissing, PromptUnreadable or PromptTooLong."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise PromptTooLong(f"{file} has more than {_MOST_BYTES // 1024**2} MiB: a prompt is that of some seconds")
        return file.read_bytes()
    except FileNotFoundError:
        raise PromptMissing(f"there is no file {file}: record it, or correct the name") from None
    except OSError as error:
        raise PromptUnreadable(f"{file} cannot be read ({error.strerror}): let the robot's user read it") from error


def _voice(source: Spoken) -> Voice:
    """Raises PromptTooLong, NoSound or NoVoice."""
    if len(source.text) > _MOST_LETTERS:
        raise PromptTooLong(f"a text of {len(source.text)} letters is to be spoken: write at most {_MOST_LETTERS}")
    if not any(letter.isalnum() for letter in source.text):
        raise NoSound("a text without a word is to be spoken: write what is to be said")
    return find_voice(source.voice.model)


def _name_of(source: Recorded | Spoken, rate: int) -> str:
    match source:
        case Recorded(file):
            return _name(rate, "recorded", _read(file))
        case Spoken(text, settings):
            spoken = f"{_voice(source).identity}\n{settings.speed:g}\n{text}"
            return _name(rate, "spoken", spoken.encode("utf-8", "surrogatepass"))


def _name(rate: int, kind: str, content: bytes) -> str:
    """Whoever makes the same of the same finds the file; who makes something else of it makes another one."""
    digest = hashlib.sha256(f"{VERSION} {rate} {kind}\n".encode())
    digest.update(content)
    return digest.hexdigest()[:_NAME_LENGTH]


def _of_recording(content: bytes, rate: int) -> bytes:
    sound, its_rate = decode(content)
    return wav(prepared(sound, its_rate, rate), rate)


def _of_text(text: str, voice: Voice, speed: float, rate: int) -> bytes:
    sound, its_rate = voice.speak(text, speed)
    if not sound.size:
        raise NoSound("there is nothing in a text that its voice can say: write words of its language")
    if sound.size > LONGEST_S * its_rate:
        raise PromptTooLong(f"a text lasts {sound.size / its_rate:.0f} s, and a prompt at most {LONGEST_S}: shorten it")
    return wav(prepared(sound, its_rate, rate), rate)


def _give_way() -> None:
    """Calls that talk need the cores first. Threads that the synthesis starts for itself are as patient as this one."""
    if sys.platform.startswith("linux"):  # there a thread has a priority of its own
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        except PermissionError:  # the process is nicer than that already
            log.debug("prompts.priority_unchanged")
