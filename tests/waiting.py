"""Waiting for what sets no event: it happens in another thread, behind a socket or in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(true: Callable[[], object], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not true():  # noqa: ASYNC110 - there is no event
            await asyncio.sleep(0.005)
