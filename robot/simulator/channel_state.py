"""The states of a channel, and which may follow which."""

from __future__ import annotations

from enum import Enum
from typing import Final


class ChannelState(Enum):
    """A channel's life, with FreeSWITCH's numbers."""

    INIT = 2
    SOFT_EXECUTE = 3
    EXECUTE = 4
    EXCHANGE_MEDIA = 5
    CONSUME_MEDIA = 7
    HANGUP = 10
    REPORTING = 11
    DESTROY = 12


_NEXT: Final = {
    ChannelState.INIT: {ChannelState.CONSUME_MEDIA, ChannelState.EXECUTE, ChannelState.HANGUP},
    ChannelState.CONSUME_MEDIA: {ChannelState.EXECUTE, ChannelState.HANGUP},
    ChannelState.EXECUTE: {ChannelState.SOFT_EXECUTE, ChannelState.HANGUP},
    ChannelState.SOFT_EXECUTE: {ChannelState.EXCHANGE_MEDIA, ChannelState.HANGUP},
    ChannelState.EXCHANGE_MEDIA: {ChannelState.HANGUP},
    ChannelState.HANGUP: {ChannelState.REPORTING},
    ChannelState.REPORTING: {ChannelState.DESTROY},
    ChannelState.DESTROY: set[ChannelState](),
}


def check_transition(state: ChannelState, to: ChannelState) -> ChannelState:
    """`to`. Raises RuntimeError where a channel does not go there: a defect of the simulator."""
    if to not in _NEXT[state]:
        raise RuntimeError(f"a channel does not go from {state.name} to {to.name}")
    return to
