"""Calls that go on, as the console shows them: a line of each, or one with all its words. Pure."""

from __future__ import annotations

from typing import Any

from robot.store.sessions.session import CallSession, as_document


def line_of(call: CallSession) -> dict[str, Any]:
    """What a list shows: of the words the last ones alone, of the latencies the last."""
    last = call.history[-1] if call.history else None
    return {
        "uuid": call.uuid,
        "campaign": call.campaign,
        "number": call.number,
        "direction": call.direction,
        "node": call.node,
        "robot": call.robot,
        "state": call.state,
        "began_at": call.began_at.isoformat(),
        "answered_at": None if call.answered_at is None else call.answered_at.isoformat(),
        "turn": call.turn,
        "speaker": call.speaker,
        "active": sorted(call.active),
        "barge_ins": call.barge_ins,
        "latency_ms": call.latencies[-1].total_ms if call.latencies else None,
        "said_by": "robot" if call.saying is not None else last.speaker if last else None,
        "said": call.saying if call.saying is not None else last.text if last else None,
    }


def words_of(call: CallSession) -> dict[str, Any]:
    """What the page of one call shows."""
    return as_document(call, words=True)


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is new: keys of `after` whose values `before` has not. Both have the same keys."""
    return {key: value for key, value in after.items() if before.get(key, ...) != value}
