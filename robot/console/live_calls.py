"""Calls that go on, as the console shows them: a line of each, or one with all its words. Pure."""

from __future__ import annotations

from typing import Any

from robot.store.sessions.session import CallSession, as_document


def line_of(call: CallSession) -> dict[str, Any]:
    """What a list shows: of the words the last ones alone, of the latencies the last."""
    said_by, said = _last_words(call)
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
        "said_by": said_by,
        "said": said,
    }


def _last_words(call: CallSession) -> tuple[str | None, str | None]:
    """Whose, and what. The callee's go before the robot's: they may be talking over it."""
    if call.hearing is not None:
        return "callee", call.hearing
    if call.saying is not None:
        return "robot", call.saying
    return (call.history[-1].speaker, call.history[-1].text) if call.history else (None, None)


def words_of(call: CallSession) -> dict[str, Any]:
    """What the page of one call shows."""
    return as_document(call, words=True)


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What is new: keys of `after` whose values `before` has not. Both have the same keys."""
    return {key: value for key, value in after.items() if before.get(key, ...) != value}
