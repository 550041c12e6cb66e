"""What pages that look on cost the loop that runs the calls: finding out what is new, and telling it to each page."""

from __future__ import annotations

import random
import time
from statistics import median
from typing import Any, Final
from uuid import uuid4

from robot.call.report import CallBegan, PromptBegan, StateChanged, TurnEnded
from robot.call.states import CallState
from robot.console.events import Board, Watcher, put_calls
from robot.live_sessions import LiveSessions
from robot.store.records import Direction, TurnRecord
from robot.store.sessions.memory import MemorySessions
from robot.store.sessions.session import CallSession

_TURNS: Final = 12
_LOOKS: Final = 400
_TEXT: Final = "Would Monday the {} suit you, or rather another day?"


def run(*, calls: int, pages: int) -> dict[str, Any]:
    """ms are of CPU. Between two looks something is said in a quarter of the calls; one page shows a call's words."""
    dice = random.Random(1)  # noqa: S311 - not a secret
    live = LiveSessions(MemorySessions())
    uuids = [str(uuid4()) for _ in range(calls)]
    for uuid in uuids:
        live(CallBegan(uuid, "bench", Direction.OUTGOING, "+33140000001", "here"))
        for seq in range(1, _TURNS + 1):
            live(
                TurnEnded(uuid, TurnRecord(seq, "callee", _TEXT.format(seq), None, seq * 1000, seq * 1000 + 900, False))
            )
    board = Board()
    watchers = [Watcher(uuids[0] if place == 0 else None, {}) for place in range(pages)]
    board.watchers.update(watchers)
    seen: dict[str, CallSession] = {}
    looks_ms, tells_ms, sizes = [], [], []
    for _ in range(_LOOKS):
        for uuid in dice.sample(uuids, max(1, calls // 4)):
            live(PromptBegan(uuid, _TEXT.format(dice.random()), 0))
            live(StateChanged(uuid, CallState.SPEAKING, 0))
        began = time.thread_time()
        seen = put_calls(board, seen, live.own())
        looked = time.thread_time()
        sizes.append(max(len(watcher.event().encode()) for watcher in watchers))
        looks_ms.append((looked - began) * 1000)
        tells_ms.append((time.thread_time() - looked) * 1000)
    return {
        "calls": calls,
        "pages": pages,
        "look_ms": round(median(looks_ms), 2),
        "look_p99_ms": round(sorted(looks_ms)[_LOOKS * 99 // 100], 2),
        "tell_ms": round(median(tells_ms), 2),
        "kilobytes_a_page": round(median(sizes) / 1000, 1),
    }
