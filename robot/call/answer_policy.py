"""What to do about whoever picked up: a human is talked to, a machine may be left a message. Pure data.

Who it is says `who_picked_up`; `answering` does it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from robot.call.amd.greetings import AmdClass
from robot.call.outcome import Outcome


@dataclass(frozen=True, slots=True)
class GoOn:
    """Have the conversation."""


@dataclass(frozen=True, slots=True)
class HangUp:
    outcome: str


@dataclass(frozen=True, slots=True)
class LeaveMessage:
    """Say the prompt of `step` after the beep, then hang up."""

    step: str


@dataclass(frozen=True, slots=True)
class AnswerScreening:
    """Say the prompt of `step` when the question is over, then wait for the person."""

    step: str


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Press `digits`, then wait for the person."""

    digits: str


AnswerAction = GoOn | HangUp | LeaveMessage | AnswerScreening | PressKeys

#: The outcome where the policy is to hang up. `voicemail` is any machine that keeps us from the person.
HANG_UP: Final[Mapping[AmdClass, HangUp]] = MappingProxyType(
    {
        AmdClass.HUMAN: HangUp(Outcome.COMPLETED),
        AmdClass.VOICEMAIL: HangUp(Outcome.VOICEMAIL),
        AmdClass.MAILBOX_FULL: HangUp(Outcome.VOICEMAIL),
        AmdClass.CALL_SCREENING: HangUp(Outcome.VOICEMAIL),
        AmdClass.IVR: HangUp(Outcome.VOICEMAIL),
        AmdClass.FAX: HangUp(Outcome.INVALID_NUMBER),
        AmdClass.SILENCE: HangUp(Outcome.NO_SPEECH),
    }
)
_DEFAULTS: Final[Mapping[AmdClass, AnswerAction]] = MappingProxyType(
    {
        **HANG_UP,
        AmdClass.HUMAN: GoOn(),
        AmdClass.CALL_SCREENING: GoOn(),
        AmdClass.SILENCE: GoOn(),
    }
)


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What a campaign wants done. Classes that `actions` leaves out are treated as usual."""

    actions: Mapping[AmdClass, AnswerAction] = field(default_factory=lambda: MappingProxyType({}))

    def action(self, kind: AmdClass) -> AnswerAction:
        return self.actions.get(kind, _DEFAULTS[kind])
