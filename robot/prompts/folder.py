"""The folder of prepared prompts, which FreeSWITCH reads: a file by what it was made of, and what is deleted when.

Several processes may share it. A file is written beside its place and renamed, so that nobody sees half of one, and its
time of change is the last time that somebody wanted it.
"""

from __future__ import annotations

import os
import time
import wave
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from uuid import uuid4

from robot.prompts.errors import PromptsFolderUnusable

# FreeSWITCH is another user.
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_UNFINISHED: Final = ".part"
_UNFINISHED_FOR_S: Final = 3600
#: What was wanted so lately may be in a call that goes on (an hour at most), or in one that is about to begin.
SAFE_FOR_S: Final = 24 * 3600
_HEADER_BYTES: Final = 44


@dataclass(frozen=True, slots=True)
class Kept:
    """A prepared prompt and its length."""

    file: Path
    length_s: float


class PromptFolder:
    """`folder`: absolute; made when the first prompt is written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder

    def find(self, name: str) -> Kept | None:
        """The prompt called `name`, from now on wanted; None when it is not there, or not whole."""
        file = self._file(name)
        try:
            with wave.open(str(file), "rb") as opened:
                frames, rate = opened.getnframes(), opened.getframerate()
            if not frames or file.stat().st_size != _HEADER_BYTES + 2 * frames:
                return None
            with suppress(PermissionError):  # another robot's user has made it, and that robot sees to its age
                os.utime(file)
        except (OSError, EOFError, wave.Error):
            return None
        return Kept(file, frames / rate)

    def write(self, name: str, content: bytes) -> Kept:
        """Raises PromptsFolderUnusable."""
        file = self._file(name)
        unfinished = self.path / f".{name}.{uuid4().hex}{_UNFINISHED}"
        try:
            self._make()
            with unfinished.open("xb") as opened:
                opened.write(content)
                os.fchmod(opened.fileno(), _FILE_MODE)
                opened.flush()
                os.fsync(opened.fileno())
            unfinished.replace(file)
        except OSError as error:
            with suppress(OSError):
                unfinished.unlink()
            raise PromptsFolderUnusable(
                f"prompts cannot be written to {self.path} ({error.strerror}): let the robot's user write there, make "
                "room, or set prompts.folder in robot.toml to another folder"
            ) from error
        kept = self.find(name)
        if kept is None:
            raise PromptsFolderUnusable(
                f"{file} was written and cannot be read again: is the disk of {self.path} full?"
            )
        return kept

    def touch(self, files: Collection[Path]) -> None:
        """They are still wanted."""
        for file in files:
            try:
                os.utime(file)
            except OSError:  # somebody deleted it, or it is another user's; who plays it is told
                continue

    def sweep(self, keep_bytes: int, now: float | None = None) -> int:
        """Delete what was wanted longest ago until the rest has `keep_bytes`; how many files that were.

        Never one that was wanted within `SAFE_FOR_S`. Raises OSError.
        """
        at = time.time() if now is None else now
        if not self.path.is_dir():
            return 0
        files: list[tuple[float, int, Path]] = []
        for file in self.path.iterdir():
            try:
                status = file.stat()
            except FileNotFoundError:  # another robot sweeps, too
                continue
            if file.name.endswith(_UNFINISHED):
                if status.st_mtime < at - _UNFINISHED_FOR_S:
                    file.unlink(missing_ok=True)
            elif file.suffix == ".wav":
                files.append((status.st_mtime, status.st_size, file))
        return self._delete(sorted(files), sum(size for _, size, _ in files) - keep_bytes, at - SAFE_FOR_S)

    def _delete(self, oldest_first: list[tuple[float, int, Path]], too_much: int, before: float) -> int:
        deleted = 0
        for wanted, size, file in oldest_first:
            if too_much <= 0 or wanted >= before:
                break
            file.unlink(missing_ok=True)
            too_much -= size
            deleted += 1
        return deleted

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.wav"

    def _make(self) -> None:
        if not self.path.is_dir():
            self.path.mkdir(parents=True, exist_ok=True)
            self.path.chmod(_FOLDER_MODE)
