"""The spool: a folder with the phrases of calls that go on, which FreeSWITCH reads; best on a tmpfs.

`run-ID/OWNER/NNN.wav`: a folder for each process, locked while that lives, in it one for each call. A call's phrases go
when the call ends; those of a process that died go when the next one starts.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

from robot.prompts.errors import PromptsFolderUnusable

_RUN: Final = "run-"
_LOCK: Final = ".lock"
# FreeSWITCH is another user, whatever our umask.
_FOLDER_MODE: Final = 0o755
_FILE_MODE: Final = 0o644
_OWNER: Final = re.compile(r"[A-Za-z0-9-]{1,64}")


class Shelf:
    """The phrases of one call. Thread-safe."""

    def __init__(self, spool: Spool, owner: str) -> None:
        if not _OWNER.fullmatch(owner):
            raise ValueError(f"{owner!r} cannot name a folder: pass the uuid of a call")
        self._spool = spool
        self._owner = owner
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._count = 0
        # Set once, by whoever clears it: from then on nothing is written.
        self.closed = False

    def write(self, content: bytes) -> Path | None:
        """The file; None: the shelf was closed meanwhile. Raises PromptsFolderUnusable."""
        with self._lock:
            if self.closed:
                return None
            try:
                if self._folder is None:
                    self._folder = _made(self._spool.run_folder() / self._owner)
                self._count += 1
                file = self._folder / f"{self._count:03}.wav"
                # Nobody knows the file before it is whole, and nobody needs it after a crash: no rename, no fsync.
                with file.open("xb") as opened:
                    opened.write(content)
                    os.fchmod(opened.fileno(), _FILE_MODE)
            except OSError as error:
                raise _unusable(self._spool.path, error) from error
            return file

    def clear(self) -> None:
        """Close it, and delete them. Raises OSError."""
        self.closed = True
        with self._lock:
            if self._folder is not None:
                shutil.rmtree(self._folder)


class Spool:
    """Blocking, thread-safe. `folder`: absolute, made with the first phrase; several robots may share it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._guard = threading.Lock()
        self._run: Path | None = None
        self._held: int | None = None

    def run_folder(self) -> Path:
        """This process's own. Raises OSError."""
        with self._guard:
            if self._run is None:
                if not self.path.is_dir():
                    self.path.mkdir(parents=True, exist_ok=True)
                    self.path.chmod(_FOLDER_MODE)
                with _alone(self.path):
                    run = _made(self.path / f"{_RUN}{uuid4().hex}")
                    self._held = _locked(run / _LOCK)
                self._run = run
            return self._run

    def sweep(self) -> int:
        """Delete what dead processes left; how many processes that were. Raises PromptsFolderUnusable."""
        if not self.path.is_dir():
            return 0
        swept = 0
        try:
            with _alone(self.path):
                for run in self.path.glob(f"{_RUN}*"):
                    with suppress(BlockingIOError, PermissionError):  # it lives, or is another user's
                        held = _locked(run / _LOCK, wait=False)
                        try:
                            shutil.rmtree(run)
                        finally:
                            os.close(held)
                        swept += 1
        except OSError as error:
            raise _unusable(self.path, error) from error
        return swept

    def close(self) -> None:
        """Delete what is there still. Raises OSError."""
        with self._guard:
            run, held, self._run, self._held = self._run, self._held, None, None
        if run is not None and held is not None:
            try:
                shutil.rmtree(run)
            finally:
                os.close(held)


def _made(folder: Path) -> Path:
    folder.mkdir()
    folder.chmod(_FOLDER_MODE)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process begins or sweeps: a folder that is not locked yet is not one that is dead."""
    held = _locked(folder / _LOCK)
    try:
        yield
    finally:
        os.close(held)


def _locked(file: Path, *, wait: bool = True) -> int:
    """A file descriptor; the lock goes with it. Raises BlockingIOError when `wait` is false and another has it."""
    held = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _FILE_MODE)
    try:
        fcntl.flock(held, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(held)
        raise
    return held


def _unusable(folder: Path, error: OSError) -> PromptsFolderUnusable:
    return PromptsFolderUnusable(
        f"what is said in calls cannot be written to {folder} ({error.strerror}): let the robot's user write there, "
        "make room, or set spool.folder in robot.toml to another folder"
    )
