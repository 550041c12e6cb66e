"""Whose fault it is that a call was not answered: the callee's, the gateway's or our own.

From FreeSWITCH's hangup causes; which SIP answer becomes which was measured on FreeSWITCH 1.11.
"""

from __future__ import annotations

from enum import Enum, auto
from types import MappingProxyType
from typing import Final

from robot.call.outcome import Outcome


class Blame(Enum):
    CALLEE = auto()  # the gateway did its work
    GATEWAY_AWAY = auto()  # FreeSWITCH itself says that it cannot be used
    GATEWAY = auto()  # it did not answer, or says that it cannot now
    UNSURE = auto()  # the callee's for one call, the gateway's when it is so for all
    OURS = auto()  # says nothing of either


_CAUSES: Final = MappingProxyType(
    {
        Blame.CALLEE: (
            "NORMAL_CLEARING", "USER_BUSY", "NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL",
            "UNALLOCATED_NUMBER", "INVALID_NUMBER_FORMAT", "NUMBER_CHANGED", "SUBSCRIBER_ABSENT",
            "USER_NOT_REGISTERED",
        ),
        Blame.GATEWAY_AWAY: ("GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE", "CHAN_NOT_IMPLEMENTED"),
        Blame.GATEWAY: (
            "RECOVERY_ON_TIMER_EXPIRE",  # SIP 408, 504, or no answer at all
            "NORMAL_TEMPORARY_FAILURE",  # 400, 481, 500, 503
            "NETWORK_OUT_OF_ORDER",  # 502
            "DESTINATION_OUT_OF_ORDER", "NO_ROUTE_TRANSIT_NET", "NORMAL_CIRCUIT_CONGESTION", "SWITCH_CONGESTION",
            "SERVICE_UNAVAILABLE",
        ),
        Blame.OURS: ("SYSTEM_SHUTDOWN",),
    }
)  # fmt: skip
_BLAME_OF: Final = MappingProxyType({cause: blame for blame, causes in _CAUSES.items() for cause in causes})


def blame_of(cause: str | None) -> Blame:
    """Of the hangup cause of a call that nobody answered. None: it was not dialled. UNSURE for what is not known here,
    like CALL_REJECTED (SIP 401, 403, 603): a callee who declines, or an account that is closed."""
    return Blame.OURS if cause is None else _BLAME_OF.get(cause, Blame.UNSURE)


def fault_of(outcome: str, cause: str | None) -> str | None:
    """What failed for a reason of ours, the robot's, FreeSWITCH's or the gateway's, in a word or two for people.

    None: the call went as calls go.
    """
    gateway = blame_of(cause) in (Blame.GATEWAY, Blame.GATEWAY_AWAY)
    if outcome == Outcome.UNREACHABLE and gateway:
        return cause
    if outcome == Outcome.UNKNOWN:
        return "lost from sight"
    if outcome == Outcome.FAILED:
        return "failed in the call" if cause in (None, "NORMAL_CLEARING") else cause
    return None
