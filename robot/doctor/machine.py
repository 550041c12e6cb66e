"""Reads this machine: its disks, its limits, its clock, and who listens where. Changes nothing."""

from __future__ import annotations

import asyncio
import ctypes
import os
import re
import resource
import shutil
import sys
import zoneinfo
from pathlib import Path
from typing import Final

from robot.doctor.readings import DiskReading

# What AudioServer answers to a request that is none of FreeSWITCH's (ws_audio.server.Refusal.UNKNOWN_PATH).
_OURS: Final = b"unknown path"
_HANDSHAKE: Final = (
    b"GET / HTTP/1.1\r\nHost: robot\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: cm9ib3QgZG9jdG9yISEhIQ==\r\n\r\n"
)
_ASK_LIMIT_S: Final = 1.0
# adjtimex(2): `modes` 0 asks only; the answer 5 (TIME_ERROR) means that nothing keeps the clock right.
_TIMEX_BYTES: Final = 256
_TIME_ERROR: Final = 5
_NETWORK_FILE_SYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs", "fuse.glusterfs"}
)


def read_disk(folder: Path) -> DiskReading:
    """Raises OSError."""
    nearest = next(each for each in (folder, *folder.parents) if each.exists())
    return DiskReading(folder, nearest == folder, shutil.disk_usage(nearest).free)


def can_create(file: Path) -> bool:
    """Whether this user may create the file, and the folders above it that are not there."""
    nearest = next(parent for parent in file.absolute().parents if parent.exists())
    return os.access(nearest, os.W_OK | os.X_OK)


def open_files_limit() -> int | None:
    """How many files and sockets this process may have open; None: as many as it likes."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if limit == resource.RLIM_INFINITY else limit


def has_time_zones() -> bool:
    """Whether hours of other time zones can be known here."""
    try:
        zoneinfo.ZoneInfo("Europe/Paris")
    except zoneinfo.ZoneInfoNotFoundError:
        return False
    return True


def clock_is_kept() -> bool | None:
    """Whether something (chrony, ntpd, systemd-timesyncd) keeps this machine's clock right; None: it cannot be told."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    answer = int(libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES)))
    return None if answer < 0 else answer != _TIME_ERROR


def network_file_system(file: Path, mounts: str | None = None) -> str | None:
    """The kind of network share that `file` lies on, such as `nfs4`; None for a local disk, or where it cannot be told.

    `mounts`: the text of /proc/self/mounts.
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape")
        except OSError:
            return None
    parents = {str(parent) for parent in file.absolute().parents}
    found = [
        (_unescaped(words[1]), words[2]) for words in map(str.split, mounts.splitlines()) if len(words) > 2
    ]  # the last of the same length lies on top
    inside = [(len(place), kind) for place, kind in found if place in parents]
    kind = max(inside, key=lambda each: each[0], default=(0, ""))[1]
    return kind if kind in _NETWORK_FILE_SYSTEMS else None


def _unescaped(place: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), place)


async def a_robot_listens(host: str, port: int) -> bool:
    """Whether what listens there is the audio server of a robot."""
    try:
        async with asyncio.timeout(_ASK_LIMIT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(_HANDSHAKE)
                return _OURS in await reader.read(4096)
            finally:
                writer.close()
    except OSError:  # TimeoutError is one
        return False
