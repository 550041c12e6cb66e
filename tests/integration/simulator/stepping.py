"""Moves simulated time while real sockets on this machine keep up with it."""

from __future__ import annotations

import asyncio

from robot.simulator.timeline import Timeline

STEP_MS = 20.0
# Turns of the event loop in which what was written to a loopback socket has been read, answered and read again.
TURNS = 6


async def settle() -> None:
    """Let what is on the sockets arrive, while simulated time stands still."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


async def advance(timeline: Timeline, ms: float) -> None:
    await advance_to(timeline, timeline.now_ms + ms)


async def advance_to(timeline: Timeline, until_ms: float) -> None:
    await settle()
    while timeline.now_ms < until_ms:
        timeline.advance_to(min(until_ms, timeline.now_ms + STEP_MS))
        await settle()
