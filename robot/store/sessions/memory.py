"""Live sessions in the memory of this process: for the robot that holds the calls, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from robot.store.sessions.session import CallSession
from robot.store.sessions.sessions import KEEP_S, chosen


class MemorySessions:
    """A `Sessions`. now: seconds of any clock that only goes on."""

    def __init__(self, keep_s: float = KEEP_S, now: Callable[[], float] = monotonic) -> None:
        self._keep_s = keep_s
        self._now = now
        self._kept: dict[str, tuple[float, CallSession]] = {}  # until when; the soonest first

    async def put(self, sessions: Sequence[CallSession]) -> None:
        self._forget_old()
        until = self._now() + self._keep_s
        for session in sessions:
            self._kept.pop(session.uuid, None)
            self._kept[session.uuid] = (until, session)

    async def get(self, uuid: str) -> CallSession | None:
        self._forget_old()
        return self._kept[uuid][1] if uuid in self._kept else None

    async def all(self, *, tenant: str | None = None, campaign: str | None = None) -> list[CallSession]:
        self._forget_old()
        return chosen([session for _, session in self._kept.values()], tenant, campaign)

    async def remove(self, uuids: Sequence[str]) -> None:
        for uuid in uuids:
            self._kept.pop(uuid, None)

    async def close(self) -> None:
        self._kept.clear()

    def _forget_old(self) -> None:
        now = self._now()
        while self._kept:
            uuid, (until, _) = next(iter(self._kept.items()))
            if until > now:
                return
            del self._kept[uuid]
