"""Reads `sessions.url`: whether it can be used, and how to name it without its password. Opens nothing."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from robot.store.sessions.errors import BadSessionsUrl

REDIS_SCHEMES: Final = ("redis://", "rediss://", "unix://")
_PASSWORD: Final = re.compile(r"(?<=:)[^:/@]+(?=@)|(?<=[?&]password=)[^&]+")
_DATABASE: Final = re.compile(r"/?|/[0-9]+")


def check_sessions_url(url: str) -> None:
    """Raises BadSessionsUrl."""
    if not url.startswith(REDIS_SCHEMES):
        raise BadSessionsUrl(
            f"should begin with one of {', '.join(REDIS_SCHEMES)}, like redis://:password@127.0.0.1:6379/0"
        )
    try:
        parts = urlsplit(url)
        good = bool(parts.path) if parts.scheme == "unix" else bool(parts.hostname and parts.port != 0)
    except ValueError:  # of the port; it repeats what it could not read
        good = False
    if not good or (parts.scheme != "unix" and not _DATABASE.fullmatch(parts.path)):
        raise BadSessionsUrl(
            "cannot be read: write redis://user:password@host:port/0, or unix:///run/redis/redis.sock. In a password, "
            "write @ as %40, / as %2F, : as %3A, % as %25"
        )


def masked_sessions_url(url: str) -> str:
    return _PASSWORD.sub("***", url)
