"""The journal: a file for what the database does not take now. Knows lines, not what they mean.

One file a process, which holds a lock on it as long as it lives: a file without one was left by a process that died.
What `append` has returned from is on the disk. Blocking; of one thread at a time.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_SUFFIX: Final = ".jsonl"
_REFUSED: Final = "refused.json-lines"  # not one of those that are replayed


@dataclass(frozen=True, slots=True)
class Left:
    """The file of a process that died; ours, by its lock, until `let_go`. torn: bytes of a line that it did not end."""

    path: Path
    lines: tuple[bytes, ...]
    torn: int
    _file: int

    def done(self) -> None:
        """What is in it is safe elsewhere. Raises OSError."""
        self.path.unlink(missing_ok=True)

    def let_go(self) -> None:
        os.close(self._file)


class Journal:
    """In `folder`, which is made when there is none. What callees said lies there: for this user's eyes only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None
        self._path: Path | None = None
        self._length = 0

    def append(self, lines: Sequence[bytes]) -> None:
        """Raises OSError; then none of `lines` is in the file."""
        file = self._opened()
        content = b"".join(line + b"\n" for line in lines)
        try:
            written = 0
            while written < len(content):
                written += os.pwrite(file, content[written:], self._length + written)
            os.fsync(file)
        except OSError:
            os.ftruncate(file, self._length)  # a half line would spoil the next
            raise
        self._length += len(content)

    def clear(self) -> None:
        """Nothing in it is needed any more. Raises OSError."""
        if self._file is None or self._path is None:
            return
        self._path.unlink(missing_ok=True)
        os.close(self._file)
        self._file = self._path = None
        self._length = 0

    def close(self) -> None:
        """What is in it is for whoever comes next."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def left_behind(self) -> list[Left]:
        """The files of processes that died, the oldest first. Raises OSError."""
        if not self.folder.is_dir():
            return []
        left = []
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            if path != self._path and (file := _locked(path)) is not None:
                *lines, torn = path.read_bytes().split(b"\n")
                left.append(Left(path, tuple(line for line in lines if line), len(torn), file))
        return left

    def refuse(self, line: bytes) -> Path:
        """Keep what nobody can write, for people to look at; where. Raises OSError."""
        self._make_folder()
        path = self.folder / _REFUSED
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line + b"\n")
            os.fsync(file)
        finally:
            os.close(file)
        return path

    def _make_folder(self) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _opened(self) -> int:
        while self._file is None:
            self._make_folder()
            path = self.folder / f"{time.time_ns():020}-{os.getpid()}{_SUFFIX}"
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            # None: somebody who looked for files that were left behind was faster.
            self._file, self._path = _locked(path), path
            _sync_folder(self.folder)
        return self._file


def _locked(path: Path) -> int | None:
    """The open file, with our lock on it; None: it is somebody's who lives, or gone."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    if os.fstat(file).st_nlink == 0:
        os.close(file)
        return None
    return file


def _sync_folder(folder: Path) -> None:
    """A file is found after a power cut only when its folder is on the disk, too."""
    entry = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(entry)
    finally:
        os.close(entry)
