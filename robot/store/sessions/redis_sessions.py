"""Live sessions in Redis (or Valkey): each a JSON document that expires by itself, and a sorted set that names them.

    freeswitch-robot:session:<uuid>   the document, for `keep_s` from when it was last put
    freeswitch-robot:sessions         the uuids, each with the time (s since 1970) when it was last put

The set may name what has expired: readers skip it, and whoever puts something sweeps it. Clocks of machines differ,
therefore only after a long time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError
from redis.exceptions import ConnectionError as ConnectionLost

from robot.store.sessions.errors import SessionsUnavailable
from robot.store.sessions.redis_url import check_sessions_url
from robot.store.sessions.session import CallSession, from_json, to_json
from robot.store.sessions.sessions import KEEP_S, chosen

_KEY: Final = "freeswitch-robot:session:"
_INDEX: Final = "freeswitch-robot:sessions"
_SWEEP_AFTER_S: Final = 3600
_AT_ONCE: Final = 200  # documents in one answer: a few 100 KB

log = structlog.get_logger(__name__)


class RedisSessions:
    """A `Sessions`. Connects when it is first used, and again whenever it has to. To be used from one event loop.

    limit_s: of each round trip, connecting included. Raises BadSessionsUrl.
    """

    def __init__(
        self, url: str, keep_s: float = KEEP_S, limit_s: float = 2.0, now: Callable[[], float] = time.time
    ) -> None:
        check_sessions_url(url)
        self._keep_ms = round(keep_s * 1000)
        self._limit_s = limit_s
        self._now = now
        # Once more at once: a connection that has rested may have ended meanwhile, which shows when it is used.
        again = Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,))
        self._redis: Redis = Redis.from_url(url, socket_timeout=limit_s, socket_connect_timeout=limit_s, retry=again)

    async def put(self, sessions: Sequence[CallSession]) -> None:
        if not sessions:
            return
        now = self._now()
        async with self._answering(), self._redis.pipeline(transaction=False) as pipeline:
            for session in sessions:
                pipeline.set(_KEY + session.uuid, to_json(session), px=self._keep_ms)
            pipeline.zadd(_INDEX, {session.uuid: now for session in sessions})
            pipeline.zremrangebyscore(_INDEX, "-inf", now - _SWEEP_AFTER_S)
            pipeline.expire(_INDEX, 2 * _SWEEP_AFTER_S)
            _check(await pipeline.execute(raise_on_error=False))

    async def get(self, uuid: str) -> CallSession | None:
        async with self._answering():
            return _read(uuid, await self._redis.get(_KEY + uuid))

    async def all(self, *, tenant: str | None = None, campaign: str | None = None) -> list[CallSession]:
        async with self._answering():
            named = [_text(name) for name in await self._redis.zrange(_INDEX, 0, -1)]
        sessions: list[CallSession] = []
        for start in range(0, len(named), _AT_ONCE):
            uuids = named[start : start + _AT_ONCE]
            async with self._answering():
                documents = await self._redis.mget([_KEY + uuid for uuid in uuids])
            read = (_read(uuid, document) for uuid, document in zip(uuids, documents, strict=True))
            sessions += [session for session in read if session is not None]
        return chosen(sessions, tenant, campaign)

    async def remove(self, uuids: Sequence[str]) -> None:
        if not uuids:
            return
        async with self._answering(), self._redis.pipeline(transaction=False) as pipeline:
            pipeline.delete(*(_KEY + uuid for uuid in uuids))
            pipeline.zrem(_INDEX, *uuids)
            _check(await pipeline.execute(raise_on_error=False))

    async def close(self) -> None:
        await self._redis.aclose()

    @asynccontextmanager
    async def _answering(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._limit_s):
                yield
        except (AuthenticationError, ResponseError) as error:
            raise SessionsUnavailable(f"Redis refuses ({error}): see `sessions.url` in robot.toml") from error
        except (RedisError, OSError, TimeoutError) as error:
            reason = str(error) or f"no answer within {self._limit_s:g} s"
            raise SessionsUnavailable(
                f"Redis cannot be reached ({reason}): see `sessions.url` in robot.toml"
            ) from error


def _check(answers: Sequence[object]) -> None:
    """Raises the first error. The library would tell it with the command, and so with what is in the session."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer


def _text(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _read(uuid: str, document: bytes | str | None) -> CallSession | None:
    if document is None:
        return None
    try:
        return from_json(document)
    except ValueError as error:
        # Of another version of the robot, or somebody else's.
        log.warning("sessions.unreadable", uuid=uuid, reason=str(error))
        return None
