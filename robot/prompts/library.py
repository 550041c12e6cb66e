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
from robot.prompts.errors import (
    NoSound,
    PromptMissing,
    PromptsOverloaded,
    PromptTooLong,
    PromptUnreadable,
    SoundError,
)
from robot.prompts.folder import PromptFolder
from robot.prompts.remote import RemoteSettings, RemoteVoices, is_remote
from robot.prompts.sound import LONGEST_S, VERSION, decode, prepared, wav
from robot.prompts.voice import Voice, VoiceSettings, find_voice

log = structlog.get_logger(__name__)

# Five minutes of stereo at 48 kHz and 32 bits.
_MOST_BYTES: Final = 128 * 1024 * 1024
# About five minutes of speech.
_MOST_LETTERS: Final = 4000
# A sentence takes about 0.3 s: who comes after that many would wait for more than a minute.
_MOST_WAITING: Final = 256
_NICE: Final = 10
_NAME_LENGTH: Final = 32
#: Voices of other machines that need no settings: there are none.
NO_REMOTE: Final = RemoteSettings()


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

    def __init__(self, folder: Path, rate: int = 16000, remote: RemoteSettings = NO_REMOTE) -> None:
        """remote: where voices of other machines are."""
        self._folder = PromptFolder(folder)
        self._remote = RemoteVoices(remote)
        self._rate = rate
        self._pinned: set[Path] = set()
        self._digests: dict[Path, tuple[int, int, str]] = {}  # of the campaigns' recordings, which are few
        self._room = threading.BoundedSemaphore(_MOST_WAITING)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="prompts", initializer=_give_way)

    @property
    def folder(self) -> Path:
        """Nothing outside it is played."""
        return self._folder.path

    @property
    def rate(self) -> int:
        """Of every prompt, in Hz."""
        return self._rate

    def recorded(self, file: Path, text: str) -> Prompt:
        """Blocking. Raises PromptError."""
        return self._now(Recorded(file, text))

    def spoken(self, text: str, voice: VoiceSettings) -> Prompt:
        """Blocking. Raises PromptError."""
        return self._now(Spoken(text, voice))

    async def prepare(self, source: Recorded | Spoken) -> Prompt:
        """As `recorded` and `spoken`, while the loop goes on. Raises PromptError.

        What is ready already does not wait for what is not.
        """
        ready = await asyncio.to_thread(self.find, source)
        return ready if ready is not None else await asyncio.wrap_future(self._submit(source))

    def find(self, source: Recorded | Spoken) -> Prompt | None:
        """The prompt, when nothing has to be done for it any more. Raises PromptError."""
        kept = self._folder.find(self._name(source))
        return None if kept is None else Prompt(kept.file, source.text, kept.length_s)

    def voice(self, settings: VoiceSettings) -> Voice:
        """Raises NoVoice."""
        if is_remote(settings.model):
            return self._remote.find(settings.model, settings.language)
        return find_voice(settings.model)

    def synthesise(self, source: Spoken) -> bytes:
        """The WAV file of a prompt, which is not kept. Blocking, in whichever thread. Raises PromptError."""
        sound, rate = self._checked_voice(source).speak(source.text, source.voice.speed)
        if not sound.size:
            raise NoSound("there is nothing in a text that its voice can say: write words of its language")
        if sound.size > LONGEST_S * rate:
            raise PromptTooLong(f"a text lasts {sound.size / rate:.0f} s, and a prompt at most {LONGEST_S}: shorten it")
        return wav(prepared(sound, rate, self._rate), self._rate)

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
        self._remote.close()

    def _now(self, source: Recorded | Spoken) -> Prompt:
        return self.find(source) or self._submit(source).result()

    def _submit(self, source: Recorded | Spoken) -> Future[Prompt]:
        """Raises PromptsOverloaded."""
        if not self._room.acquire(blocking=False):
            raise PromptsOverloaded(
                f"{_MOST_WAITING} prompts wait to be made ready already: call fewer people at once, give prompts "
                "recordings, or use a faster machine"
            )
        made = self._worker.submit(self._make, source)
        made.add_done_callback(lambda _: self._room.release())
        return made

    def _make(self, source: Recorded | Spoken) -> Prompt:
        """In the worker."""
        # Somebody who asked before may have had it made.
        if (ready := self.find(source)) is not None:
            return ready
        kept = self._folder.write(self._name(source), self._sound(source))
        return Prompt(kept.file, source.text, kept.length_s)

    def _sound(self, source: Recorded | Spoken) -> bytes:
        """The WAV file."""
        match source:
            case Recorded(file):
                content = _read(file)
                try:
                    return wav(prepared(*decode(content), self._rate), self._rate)
                except SoundError as error:
                    raise type(error)(f"{file} {error}") from error
            case Spoken():
                return self.synthesise(source)

    def _name(self, source: Recorded | Spoken) -> str:
        """Whoever makes the same of the same finds the file; who makes something else of it makes another one."""
        match source:
            case Recorded(file):
                return self._named("recorded", self._digest(file))
            case Spoken(text, settings):
                spoken = f"{self._checked_voice(source).identity}\n{settings.speed:g}\n{text}"
                return self._named("spoken", hashlib.sha256(spoken.encode("utf-8", "surrogatepass")).hexdigest())

    def _checked_voice(self, source: Spoken) -> Voice:
        """Raises PromptTooLong, NoSound or NoVoice."""
        if len(source.text) > _MOST_LETTERS:
            raise PromptTooLong(f"a text of {len(source.text)} letters is to be spoken: write at most {_MOST_LETTERS}")
        if not any(letter.isalnum() for letter in source.text):
            raise NoSound("a text without a word is to be spoken: write what is to be said")
        return self.voice(source.voice)

    def _named(self, kind: str, of: str) -> str:
        return hashlib.sha256(f"{VERSION} {self._rate} {kind} {of}".encode()).hexdigest()[:_NAME_LENGTH]

    def _digest(self, file: Path) -> str:
        """Of what is in a file, which is read again only when it was changed. Raises as `_read`."""
        try:
            status = file.stat()
        except OSError:
            return hashlib.sha256(_read(file)).hexdigest()  # tells what is wrong
        known = self._digests.get(file)
        if known is None or known[:2] != (status.st_size, status.st_mtime_ns):
            known = status.st_size, status.st_mtime_ns, hashlib.sha256(_read(file)).hexdigest()
            self._digests[file] = known
        return known[2]


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


def _give_way() -> None:
    """Calls that talk need the cores first. Threads that the synthesis starts for itself are as patient as this one."""
    if sys.platform.startswith("linux"):  # there a thread has a priority of its own
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)
        except PermissionError:  # the process is nicer than that already
            log.debug("prompts.priority_unchanged")
