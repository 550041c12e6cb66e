"""What is known of a call while it goes on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from robot.store.records import Direction, LatencyRecord, TurnRecord

#: Of a long call the latest are kept: a session is written whole, about once a second.
LONGEST_HISTORY: Final = 40
LATEST_LATENCIES: Final = 10


class Stage(StrEnum):
    """What can be at work for the next reply."""

    RECOGNITION = "recognition"  # of what the callee said
    MODEL = "model"  # the language model writes
    SYNTHESIS = "synthesis"  # what it wrote is being spoken into a file


@dataclass(frozen=True, slots=True)
class CallSession:
    """One call that goes on.

    tenant: whose robot it is, as `sessions.tenant` says. number: of the other side, E.164; None: withheld.
    node: the FreeSWITCH of the call. robot: the machine and the process that hold it.
    state: a `robot.call.states.CallState`, in text so that a watcher older than the robot can read it.
    turn: how many turns there were; `history` holds the latest of them. speaker: who speaks now, `robot` or `callee`.
    saying: what the robot says, while it does. hearing: what the callee has said so far, while they do.
    active: the stages at work. latencies: of the latest replies.
    """

    uuid: str
    campaign: str
    tenant: str
    number: str | None
    direction: Direction
    node: str
    robot: str
    state: str
    began_at: datetime
    changed_at: datetime
    answered_at: datetime | None = None
    turn: int = 0
    history: tuple[TurnRecord, ...] = ()
    speaker: str | None = None
    saying: str | None = None
    hearing: str | None = None
    active: frozenset[Stage] = frozenset()
    latencies: tuple[LatencyRecord, ...] = ()
    barge_ins: int = 0


_AS_JSON: Final = TypeAdapter(CallSession)


def to_json(session: CallSession) -> bytes:
    return _AS_JSON.dump_json(session)


def from_json(document: bytes | str) -> CallSession:
    """What another version has added is ignored. Raises ValueError, which repeats nothing of `document`."""
    try:
        return _AS_JSON.validate_json(document)
    except ValidationError as error:
        raise ValueError(f"no session of a call: {error.error_count()} mistake(s)") from None


def as_document(call: CallSession, words: bool) -> dict[str, Any]:
    """For programs. Without `words` there is nothing in it that anybody said."""
    turns = [
        {"seq": turn.seq, "speaker": turn.speaker, "step": turn.step, "intent": turn.intent}
        | {"start_ms": turn.start_ms, "end_ms": turn.end_ms, "interrupted": turn.interrupted}
        | ({"text": turn.text} if words else {})
        for turn in call.history
    ]
    return {
        "uuid": call.uuid,
        "campaign": call.campaign,
        "tenant": call.tenant,
        "number": call.number,
        "direction": call.direction,
        "node": call.node,
        "robot": call.robot,
        "state": call.state,
        "began_at": call.began_at.isoformat(),
        "answered_at": None if call.answered_at is None else call.answered_at.isoformat(),
        "changed_at": call.changed_at.isoformat(),
        "turn": call.turn,
        "turns": turns,
        "speaker": call.speaker,
        **({"saying": call.saying, "hearing": call.hearing} if words else {}),
        "active": sorted(call.active),
        "barge_ins": call.barge_ins,
        "latency_ms": [latency.total_ms for latency in call.latencies],
    }
