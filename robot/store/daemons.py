"""Who else runs on this database: daemons say that they live, and those that died leave their work to the others.

On PostgreSQL several share the work. An SQLite file is one daemon's.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import uuid4

from sqlalchemy import delete, select, text, update
from sqlalchemy.orm import Session

from robot.store.campaign_records import SILENT_FOR, Daemon, TakenOver
from robot.store.claims import ClaimRepository
from robot.store.errors import AnotherDaemon
from robot.store.schema import Attempt
from robot.store.schema import Daemon as DaemonRow
from robot.store.statements import insert_unless_there, is_postgresql, rows_changed

_REGISTRY_LOCK: Final = 0x646D6E  # "dmn"
# Those that this process is, so that it knows itself from one that had its number before.
_OURS: Final[set[str]] = set()


def this_daemon(now: datetime) -> Daemon:
    """A daemon of this process, which nobody knows yet."""
    return Daemon(str(uuid4()), socket.gethostname()[:255], f"{_pid_namespace()} {os.getpid()}", now, now)


class DaemonRepository:
    def __init__(self, session: Session) -> None:
        self._session = session

    def register(self, daemon: Daemon, silent_for: timedelta = SILENT_FOR) -> TakenOver:
        """Take a place, and that of those that died. Again: nothing. Raises AnotherDaemon on SQLite."""
        self._lock()
        taken = self._take_over(daemon, daemon.seen_at, silent_for)
        others = [other for other in self._all() if other.id != daemon.id]
        if others and not is_postgresql(self._session):
            raise AnotherDaemon(others[0])
        row = {
            "id": daemon.id,
            "host": daemon.host,
            "process": daemon.process,
            "started_at": daemon.started_at,
            "seen_at": daemon.seen_at,
        }
        insert_unless_there(self._session, DaemonRow, row, ["id"])
        _OURS.add(daemon.id)
        return taken

    def heartbeat(self, daemon: Daemon, now: datetime, silent_for: timedelta = SILENT_FOR) -> TakenOver | None:
        """The daemon lives, and takes what others that died have left.

        None: it was taken for dead itself and its work is somebody else's: it must dial nobody, and register anew
        under another id.
        """
        self._lock()
        alive = update(DaemonRow).where(DaemonRow.id == daemon.id).values(seen_at=now)
        if rows_changed(self._session, alive.execution_options(synchronize_session=False)) == 0:
            return None
        return self._take_over(daemon, now, silent_for)

    def unregister(self, daemon: Daemon, now: datetime) -> None:
        """The daemon ends. One that leaves calls without an outcome keeps its place, until another takes them over."""
        ClaimRepository(self._session).release_all(daemon.id, now)
        left = select(Attempt.uuid).where(Attempt.outcome.is_(None), Attempt.owner == daemon.id).limit(1)
        if self._session.scalar(left) is None:
            self._session.execute(delete(DaemonRow).where(DaemonRow.id == daemon.id))

    def refuse_another(self, now: datetime) -> None:
        """For whoever is about to become one. Raises AnotherDaemon on SQLite, when one runs."""
        if not is_postgresql(self._session) and (living := self.living(now)):
            raise AnotherDaemon(living[0])

    def place(self, daemon_id: str) -> tuple[int, int]:
        """Which of the daemons it is, the oldest being 0, and how many there are. One that is not known is the only."""
        ids = [each.id for each in self._all()]
        return (ids.index(daemon_id), len(ids)) if daemon_id in ids else (0, 1)

    def tell(self, daemon_id: str, reasons: Mapping[str, str]) -> None:
        """Why it places no calls at the moment, by campaign, in place of what it told before."""
        told = update(DaemonRow).where(DaemonRow.id == daemon_id).values(reasons=dict(reasons))
        self._session.execute(told.execution_options(synchronize_session=False))

    def living(self, now: datetime, silent_for: timedelta = SILENT_FOR) -> list[Daemon]:
        """Those that run, the oldest first."""
        me = this_daemon(now)
        heard_of = [other for other in self._all() if other.seen_at > now - silent_for]
        return [other for other in heard_of if other.id in _OURS or not _is_gone(other, me)]

    def _take_over(self, daemon: Daemon, now: datetime, silent_for: timedelta) -> TakenOver:
        dead = [
            other.id
            for other in self._all()
            if other.id != daemon.id and (other.seen_at <= now - silent_for or _is_gone(other, daemon))
        ]
        claims = calls = 0
        for owner in dead:
            claims += ClaimRepository(self._session).release_all(owner, now)
            theirs = update(Attempt).where(Attempt.outcome.is_(None), Attempt.owner == owner).values(owner=daemon.id)
            calls += rows_changed(self._session, theirs.execution_options(synchronize_session=False))
            self._session.execute(delete(DaemonRow).where(DaemonRow.id == owner))
        return TakenOver(tuple(dead), claims, calls)

    def _all(self) -> list[Daemon]:
        rows = self._session.execute(
            select(DaemonRow.id, DaemonRow.host, DaemonRow.process, DaemonRow.started_at, DaemonRow.seen_at)
            .order_by(DaemonRow.started_at, DaemonRow.id)
        )  # fmt: skip
        return [Daemon(*row) for row in rows]

    def _lock(self) -> None:
        """Two that find the same dead one would both count what it left."""
        if is_postgresql(self._session):
            self._session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _REGISTRY_LOCK})


def _is_gone(other: Daemon, daemon: Daemon) -> bool:
    """Whether it is sure that `other` does not run any more, because it would be a process that this one could see."""
    namespace, _, pid = other.process.partition(" ")
    if other.host != daemon.host or not namespace or namespace != _pid_namespace():
        return False
    if other.process == daemon.process:
        return True  # the number of its process is ours now
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # it is somebody's
        return False
    return False


def _pid_namespace() -> str:
    """In which numbers of processes count: two containers may have one host name. Empty where it cannot be told."""
    try:
        return str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        return ""
