"""What happens, told to every page that looks on (server-sent events): only what has changed, at most 4 times a second.

    LiveSessions, database, health ── look, 4 a second ──▶ Feed ── changes ──▶ Watcher (one a page) ── text/event-stream

A page that connects gets everything (`snapshot`) and from then on changes (`change`), as JSON: of each topic, by name,
the values that are new, or null for what is gone. A page that reads slowly gets less often what has changed since, and
never more: changes of one thing are merged until they are sent. While nobody looks on, nothing is looked at.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from robot.campaign.status import look
from robot.console.errors import Refused
from robot.console.live_calls import difference, line_of, words_of
from robot.console.parts import ConsoleParts
from robot.store.errors import StoreError
from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.session import CallSession

log = structlog.get_logger(__name__)

_LOOK_EVERY_S: Final = 0.25
_HEALTH_EVERY_S: Final = 1.0
_OTHERS_EVERY_S: Final = 1.0  # calls of other robots, from Redis
_CAMPAIGNS_EVERY_S: Final = 2.0
# A database for which a look takes long is looked at so much less often.
_CAMPAIGNS_SHARE: Final = 10
# Proxies close what is silent for 30 s or more.
_ALIVE_EVERY_S: Final = 15.0
_MOST_WATCHERS: Final = 100

Key = tuple[str, str]  # topic, name
Document = dict[str, Any]


class Board:
    """What is known now, by topic and name; what is new goes to the watchers."""

    def __init__(self) -> None:
        self._now: dict[Key, Document] = {}
        self.watchers: set[Watcher] = set()

    def put(self, topic: str, name: str, document: Document) -> None:
        key = topic, name
        before = self._now.get(key)
        new = document if before is None else difference(before, document)
        if new:
            self._now[key] = document
            self._tell(key, new)

    def keep_only(self, topic: str, names: set[str]) -> None:
        """All others of `topic` are gone."""
        for key in [key for key in self._now if key[0] == topic and key[1] not in names]:
            del self._now[key]
            self._tell(key, None)

    def everything(self) -> dict[Key, Document]:
        return dict(self._now)

    def _tell(self, key: Key, new: Document | None) -> None:
        for watcher in self.watchers:
            watcher.tell(key, new)


class Watcher:
    """One page. call: the uuid of a call whose words it wants, too."""

    def __init__(self, call: str | None, known: Mapping[Key, Document]) -> None:
        self.call = call
        self._pending: dict[Key, Document | None] = {key: new for key, new in known.items() if self._wants(key)}
        self._wake = asyncio.Event()
        self._closed = False
        self._begun = False

    def tell(self, key: Key, new: Document | None) -> None:
        if not self._wants(key):
            return
        before = self._pending.get(key)
        # After it was gone `new` is all of it.
        self._pending[key] = new if new is None or before is None else {**before, **new}
        self._wake.set()

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    async def events(self) -> AsyncIterator[str]:
        """Until `close`, as text/event-stream."""
        while not self._closed:
            if not self._begun or self._pending:
                yield self.event()
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            self._wake.clear()
            try:
                async with asyncio.timeout(_ALIVE_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                yield ": alive\n\n"

    def event(self) -> str:
        """What waits to be told, which then waits no more."""
        pending, self._pending = self._pending, {}
        told: dict[str, dict[str, Document | None]] = {}
        for (topic, name), new in pending.items():
            told.setdefault(topic, {})[name] = new
        kind, self._begun = "change" if self._begun else "snapshot", True
        return f"event: {kind}\ndata: {json.dumps(told, ensure_ascii=False, separators=(',', ':'))}\n\n"

    def _wants(self, key: Key) -> bool:
        return key[0] != "words" or key[1] == self.call


def put_calls(board: Board, seen: Mapping[str, CallSession], calls: Iterable[CallSession]) -> dict[str, CallSession]:
    """On the board, what is new of `calls`, which are all there are now, since those that were `seen`; these now."""
    now = {call.uuid: call for call in calls}
    wanted = {watcher.call for watcher in board.watchers}
    for uuid, call in now.items():
        if seen.get(uuid) is not call:
            board.put("calls", uuid, line_of(call))
            if uuid in wanted:
                board.put("words", uuid, words_of(call))
    board.keep_only("calls", set(now))
    board.keep_only("words", set(now) & {uuid for uuid in wanted if uuid is not None})
    return now


class Feed:
    """Looks on for all pages. `run` goes on until it is cancelled."""

    def __init__(self, parts: ConsoleParts) -> None:
        self._parts = parts
        self._board = Board()
        self._seen: dict[str, CallSession] = {}
        self._others: list[CallSession] = []
        self._wanted = asyncio.Event()
        self._closed = False
        self._next: dict[str, float] = {}

    def watch(self, call: str | None) -> Watcher:
        """`leave` when it is over. Raises Refused."""
        if self._closed or len(self._board.watchers) >= _MOST_WATCHERS:
            raise Refused(503, "too-many-pages", f"{_MOST_WATCHERS} pages look on already: close some of them")
        watcher = Watcher(call, self._board.everything())
        self._board.watchers.add(watcher)
        self._wanted.set()
        if call is not None:
            self._seen.pop(call, None)  # its words are told anew
        return watcher

    def leave(self, watcher: Watcher) -> None:
        self._board.watchers.discard(watcher)
        if not self._board.watchers:
            self._wanted.clear()

    def close(self) -> None:
        """Every page is let go, so that the server can end."""
        self._closed = True
        for watcher in self._board.watchers:
            watcher.close()

    async def run(self) -> None:
        while True:
            await self._wanted.wait()
            await self._look()
            await asyncio.sleep(_LOOK_EVERY_S)

    # ------------------------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        if self._due("health", _HEALTH_EVERY_S):
            self._board.put("health", "robot", self._parts.health().model_dump(mode="json"))
        if self._due("others", _OTHERS_EVERY_S):
            await self._look_at_others()
        calls = [*self._others, *self._parts.live.own()]
        self._seen = put_calls(self._board, self._seen, calls)
        if self._due("campaigns", _CAMPAIGNS_EVERY_S):
            await self._look_at_campaigns()

    def _due(self, what: str, every_s: float) -> bool:
        now = asyncio.get_running_loop().time()
        if now < self._next.get(what, 0.0):
            return False
        self._next[what] = now + every_s
        return True

    async def _look_at_others(self) -> None:
        try:
            self._others = await self._parts.live.of_others()
        except SessionsUnavailable:  # the log says so already
            self._others = []

    async def _look_at_campaigns(self) -> None:
        loop, now = asyncio.get_running_loop(), datetime.now(UTC)
        began = loop.time()
        try:
            campaigns, _ = await self._parts.in_thread(lambda: look(self._parts.database, None, now))
        except StoreError:  # health says so
            return
        for campaign in campaigns:
            self._board.put("campaigns", campaign.name, campaign.as_json())
        self._board.keep_only("campaigns", {campaign.name for campaign in campaigns})
        took_s = loop.time() - began
        self._next["campaigns"] = loop.time() + max(_CAMPAIGNS_EVERY_S, took_s * _CAMPAIGNS_SHARE)
