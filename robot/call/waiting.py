"""Waiting for whichever of several things comes first."""

from __future__ import annotations

import asyncio
from typing import Any


async def first_of(*futures: asyncio.Future[Any], within_s: float | None = None) -> None:
    """Return when one of them is done, or after `within_s`. None of them is cancelled, no result is taken."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED, timeout=within_s)
