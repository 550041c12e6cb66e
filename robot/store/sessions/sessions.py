"""What every store of live sessions does, wherever it keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from robot.store.sessions.session import CallSession

#: A session that nobody puts again within that time is gone: its robot died.
KEEP_S: Final = 30.0


class Sessions(Protocol):
    """Live sessions by the uuid of their call. Each method raises SessionsUnavailable."""

    async def put(self, sessions: Sequence[CallSession]) -> None:
        """In the place of what is known of these calls, for as long as the store keeps what is not put again."""

    async def get(self, uuid: str) -> CallSession | None: ...

    async def all(self, *, tenant: str | None = None, campaign: str | None = None) -> list[CallSession]:
        """Those of `tenant` and of `campaign`, or of all, the oldest call first."""

    async def remove(self, uuids: Sequence[str]) -> None:
        """Those that are not there are no mistake."""

    async def close(self) -> None:
        """Raises nothing. What was put stays for as long as it is kept."""


def chosen(sessions: Sequence[CallSession], tenant: str | None, campaign: str | None) -> list[CallSession]:
    """What `Sessions.all` gives."""
    wanted = (
        session for session in sessions
        if tenant in (None, session.tenant) and campaign in (None, session.campaign)
    )  # fmt: skip
    return sorted(wanted, key=lambda session: (session.began_at, session.uuid))
