"""Tells systemd how the service stands: sd_notify(3), one datagram each. Does nothing where nobody asked for it.

Knows nothing of the robot. The protocol is systemd's and stable: https://www.freedesktop.org/software/systemd/man/sd_notify.html
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping
from typing import Final

import structlog

log = structlog.get_logger(__name__)

_MICROSECONDS: Final = 1_000_000


class Notifier:
    """`address`: NOTIFY_SOCKET, a path, or `@...` for an abstract one; None: nobody listens.

    watchdog_s: how long systemd waits for `alive` before it kills; None: it does not watch.
    """

    def __init__(self, address: str | None, watchdog_s: float | None = None) -> None:
        self.watchdog_s = watchdog_s
        self._address = address
        self._unheard = False

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Notifier:
        """What systemd has set for this process, or for all of the service."""
        address = environ.get("NOTIFY_SOCKET") or None
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        interval = environ.get("WATCHDOG_USEC", "")
        watched = address is not None and for_us and interval.isascii() and interval.isdigit() and int(interval) > 0
        return cls(address, int(interval) / _MICROSECONDS if watched else None)

    def ready(self, status: str) -> None:
        """Started, or done with reloading."""
        self._tell(f"READY=1\n{_status(status)}")

    def reloading(self) -> None:
        # systemd tells this reload from the one before by the time at which it began.
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def status(self, status: str) -> None:
        """What `systemctl status` shows. No names and numbers of callees."""
        self._tell(_status(status))

    def stopping(self, status: str, within_s: float) -> None:
        """Being stopped, and to be killed only when nothing is heard for `within_s`. Again: for so long from now."""
        self._tell(f"STOPPING=1\nEXTEND_TIMEOUT_USEC={round(within_s * _MICROSECONDS)}\n{_status(status)}")

    def alive(self) -> None:
        """Feeds the watchdog."""
        if self.watchdog_s is not None:
            self._tell("WATCHDOG=1")

    def _tell(self, message: str) -> None:
        if self._address is None:
            return
        address = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
                connection.setblocking(False)  # the loop waits for nobody, not even for systemd
                connection.sendto(message.encode(), address)
        except OSError as error:
            if not self._unheard:  # once: it is told every few seconds
                log.warning("systemd.not_told", reason=error.strerror or str(error))
            self._unheard = True
        else:
            self._unheard = False


def _status(text: str) -> str:
    return f"STATUS={' '.join(text.split())}"
