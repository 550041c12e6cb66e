"""What became of a call: the outcomes, and which hangup cause means which.

The causes are FreeSWITCH's names for Q.850 (`switch_cause_t`); which SIP answer becomes which was measured on
FreeSWITCH 1.11. A campaign may name outcomes of its own: they are text everywhere else.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Outcome(StrEnum):
    """The outcomes that the robot itself can conclude."""

    COMPLETED = "completed"
    INTERESTED = "interested"
    NOT_INTERESTED = "not_interested"
    CALLBACK = "callback"
    TRANSFERRED = "transferred"
    DO_NOT_CALL = "do_not_call"
    VOICEMAIL = "voicemail"
    VOICEMAIL_LEFT = "voicemail_left"
    NO_ANSWER = "no_answer"
    BUSY = "busy"
    REJECTED = "rejected"
    INVALID_NUMBER = "invalid_number"
    UNREACHABLE = "unreachable"
    NO_SPEECH = "no_speech"
    HUNG_UP = "hung_up"
    FAILED = "failed"  # something of ours: the audio stream, a prompt, the configuration
    UNKNOWN = "unknown"  # a crash hid what happened: never called again by itself


_CAUSES: Final = MappingProxyType(
    {
        Outcome.BUSY: ("USER_BUSY",),
        Outcome.NO_ANSWER: ("NO_ANSWER", "NO_USER_RESPONSE", "ORIGINATOR_CANCEL", "PROGRESS_TIMEOUT"),
        Outcome.REJECTED: ("CALL_REJECTED",),
        Outcome.INVALID_NUMBER: (
            "UNALLOCATED_NUMBER", "NO_ROUTE_DESTINATION", "INVALID_NUMBER_FORMAT", "NUMBER_CHANGED",
        ),
        Outcome.UNREACHABLE: (
            "NORMAL_TEMPORARY_FAILURE", "RECOVERY_ON_TIMER_EXPIRE", "NETWORK_OUT_OF_ORDER",
            "DESTINATION_OUT_OF_ORDER", "INCOMPATIBLE_DESTINATION", "SUBSCRIBER_ABSENT", "USER_NOT_REGISTERED",
            "NO_ROUTE_TRANSIT_NET", "NORMAL_CIRCUIT_CONGESTION", "SWITCH_CONGESTION", "SERVICE_UNAVAILABLE",
        ),
        Outcome.FAILED: (
            "GATEWAY_DOWN", "INVALID_GATEWAY", "INVALID_PROFILE", "CHAN_NOT_IMPLEMENTED", "MANDATORY_IE_MISSING",
            "BEARERCAPABILITY_NOTAVAIL", "FACILITY_REJECTED", "SYSTEM_SHUTDOWN",
        ),
    }
)  # fmt: skip
_OUTCOME_OF: Final = MappingProxyType({cause: outcome for outcome, causes in _CAUSES.items() for cause in causes})

#: What a person can do about a call that was not answered; told with the outcome.
_ADVICE: Final = MappingProxyType(
    {
        "USER_BUSY": "The line is busy: try again later.",
        "NO_ANSWER": "Nobody picked up in time: try again later, or let it ring longer (`ring_timeout_s`).",
        "NO_USER_RESPONSE": "The phone is not reachable now (SIP 480): try again later.",
        "CALL_REJECTED": "The callee, or the gateway, declined the call (SIP 401, 403 or 603): if it is always so, "
        "check the gateway's account and the caller id.",
        "UNALLOCATED_NUMBER": "Nobody has that number (SIP 404): take it off the list.",
        "NO_ROUTE_DESTINATION": "The gateway knows no way to that number (SIP 404): is it complete, does the provider "
        "want another `number_format`?",
        "INVALID_NUMBER_FORMAT": "The gateway cannot read the number (SIP 484): try another `number_format`.",
        "NUMBER_CHANGED": "The number has changed (SIP 410): take it off the list.",
        "GATEWAY_DOWN": "FreeSWITCH holds the gateway for down: `fs_cli -x 'sofia status gateway NAME'`.",
        "INVALID_GATEWAY": "FreeSWITCH knows no gateway of that name: compare the campaign's `gateway` with "
        "`fs_cli -x 'sofia status'`.",
        "INVALID_PROFILE": "FreeSWITCH knows no SIP profile of that name: `fs_cli -x 'sofia status'`.",
        "CHAN_NOT_IMPLEMENTED": "FreeSWITCH has no module for that endpoint: is mod_sofia loaded?",
        "NORMAL_TEMPORARY_FAILURE": "The gateway, or the network behind it, answered that it cannot now (SIP 400, "
        "481, 500 or 503): `fs_cli -x 'sofia status gateway NAME'`, then ask the provider.",
        "RECOVERY_ON_TIMER_EXPIRE": "The gateway did not answer at all: is its address right? Is SIP let through?",
        "NETWORK_OUT_OF_ORDER": "The gateway could not reach the next network (SIP 502).",
        "INCOMPATIBLE_DESTINATION": "No common codec: offer PCMU or PCMA in the gateway's profile.",
        "DESTINATION_OUT_OF_ORDER": "FreeSWITCH could not use the dial string: is the gateway's name right?",
        "SYSTEM_SHUTDOWN": "FreeSWITCH was shut down.",
    }
)


def outcome_of_cause(cause: str) -> Outcome:
    """The outcome of a call that nobody answered and that ended with `cause`; FAILED for a cause not known here."""
    return _OUTCOME_OF.get(cause, Outcome.FAILED)


def advice_on_cause(cause: str) -> str | None:
    """One sentence on what to do about `cause`; None where it says all there is (busy, no answer)."""
    return _ADVICE.get(cause)
