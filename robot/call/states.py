"""The states of one call and the table of its transitions. An illegal transition raises and changes nothing."""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class CallState(StrEnum):
    """Where a call is."""

    CONNECTING = "connecting"  # dialled, nobody has answered
    ACTIVE = "active"  # answered; the audio stream is being set up
    LISTENING = "listening"  # it is the callee's turn
    PROCESSING = "processing"  # the callee has spoken; what to do next is being decided
    SPEAKING = "speaking"  # a prompt plays
    ENDING = "ending"  # one side hangs up
    ENDED = "ended"  # final: the call is over
    ERROR = "error"  # final: the call is over because something of ours or FreeSWITCH's failed


_FAILS: Final = frozenset({CallState.ENDING, CallState.ENDED, CallState.ERROR})

#: From each state, the states that may follow. The callee can hang up and FreeSWITCH can die at any time.
TRANSITIONS: Final = MappingProxyType(
    {
        CallState.CONNECTING: _FAILS | {CallState.ACTIVE},
        CallState.ACTIVE: _FAILS | {CallState.SPEAKING, CallState.LISTENING},
        # SPEAKING: who was listened to is a machine after all, which is told something else.
        CallState.LISTENING: _FAILS | {CallState.PROCESSING, CallState.SPEAKING},
        CallState.PROCESSING: _FAILS | {CallState.SPEAKING, CallState.LISTENING},
        CallState.SPEAKING: _FAILS | {CallState.LISTENING, CallState.PROCESSING},
        CallState.ENDING: frozenset({CallState.ENDED, CallState.ERROR}),
        CallState.ENDED: frozenset(),
        CallState.ERROR: frozenset(),
    }
)


class IllegalTransition(Exception):
    """The code asked for a step that no call can take: a defect, to be reported with the call's uuid."""


def check_transition(current: CallState, following: CallState) -> CallState:
    """`following`, when it may come after `current`; raises IllegalTransition otherwise."""
    if following not in TRANSITIONS[current]:
        raise IllegalTransition(f"a call cannot go from {current} to {following}")
    return following
